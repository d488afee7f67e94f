/*
 * A bare listing, `lspci -D -nn -xxx`
 *
 * A block is a line that begins with an address, then rows "40: 8a ff …" until an empty line or the next
 * address. One block at a time is collected; at its end it is kept or dropped.
 */

#include "common/base/parse.h"
#include "hostd/core/grow.h"
#include "hostd/core/text-lines.h"
#include "hostd/edge/pci-listing.h"

#define ROW_BYTES 16
#define CONFIG_BYTES_MAX 4096

typedef struct ListingReader {
        /* in */
        const ProblemSink *problems;
        /* private: the block that is being read */
        bool is_astray; /* outside of a block: reported once, up to the next device */
        bool in_block;
        unsigned first_line;
        PciFunction named; /* its address, and its ids as its first line has them */
        size_t n_bytes;
        const char *wrong;
        unsigned wrong_line;
        uint8_t bytes[CONFIG_BYTES_MAX];
        /* out */
        PciListing listing;
} ListingReader;

void pci_listing_done(PciListing *l) {
        free(l->functions);
        *l = (PciListing){};
}

static bool is_known_length(size_t n) {
        return n == 64 || n == 128 || n == 256 || n == CONFIG_BYTES_MAX;
}

static bool has_address(const ListingReader *l, const PciAddress *address) {
        for (size_t i = 0; i < l->listing.n; i++)
                if (pci_address_compare(&l->listing.functions[i].address, address) == 0)
                        return true;
        return false;
}

/* NULL: keep it. */
static const char *block_fault(const ListingReader *l) {
        if (l->wrong)
                return l->wrong;
        if (l->n_bytes == 0)
                return "it has no configuration bytes; take the listing with lspci -D -nn -xxx";
        if (!is_known_length(l->n_bytes))
                return "its configuration bytes break off";
        if (has_address(l, &l->named.address))
                return "its address was there before";
        if (l->listing.n == PCI_LISTING_DEVICES_MAX)
                return "there are too many devices";
        return NULL;
}

static uint16_t word_at(const ListingReader *l, size_t offset) {
        return (uint16_t) (l->bytes[offset] | l->bytes[offset + 1] << 8);
}

static PciFunction read_function(const ListingReader *l) {
        unsigned header = l->bytes[PCI_HEADER_TYPE] & 0x7f;
        PciFunction f = {
                .address = l->named.address,
                .vendor_id = word_at(l, PCI_VENDOR_ID),
                .device_id = word_at(l, PCI_DEVICE_ID),
                .pci_class = word_at(l, PCI_CLASS_DEVICE),
                .all_ones = pci_bytes_are_ones(l->bytes, PCI_HEADER_SIZE),
        };

        if (pci_bytes_are_ones(l->bytes, l->n_bytes)) {
                f = l->named;
                f.all_ones = true;
        } else if (header == PCI_HEADER_TYPE_BRIDGE && f.pci_class >> 8 == 0x06)
                f.bus_below = l->bytes[PCI_SECONDARY_BUS];
        else if (header == PCI_HEADER_TYPE_NORMAL && word_at(l, PCI_SUBSYSTEM_VENDOR_ID) != 0xffff) {
                f.subsystem_vendor_id = word_at(l, PCI_SUBSYSTEM_VENDOR_ID);
                f.subsystem_device_id = word_at(l, PCI_SUBSYSTEM_ID);
        }
        return f;
}

static int end_block(ListingReader *l) {
        const char *fault;

        if (!l->in_block)
                return 0;

        l->in_block = false;
        fault = block_fault(l);
        if (!fault) {
                if (GROW(l->listing.functions, l->listing.n) < 0)
                        return -ENOMEM;
                l->listing.functions[l->listing.n++] = read_function(l);
                return 0;
        }

        l->listing.n_without_bytes += l->n_bytes == 0;
        problem_report(l->problems, l->wrong ? l->wrong_line : l->first_line, "device %s is left out: %s",
                PCI_TEXT(&l->named.address), fault);
        return 0;
}

/* "0000:84:00.0 VGA compatible controller…" */
static bool read_address(TextSpan line, PciAddress *ret) {
        char text[PCI_ADDRESS_TEXT_MAX];
        size_t n = 0;

        while (n < text_span_size(&line) && line.at[n] != ' ')
                n++;
        if (n == 0 || n >= sizeof(text))
                return false;

        memcpy(text, line.at, n);
        text[n] = '\0';
        return pci_address_from_string(text, ret) >= 0;
}

/* "0000:84:00.0 VGA compatible controller [0300]: NVIDIA Corporation GK107GL [GRID K1] [10de:0ff2] (rev ff)" */
static PciFunction read_name(const PciAddress *address, TextSpan line) {
        PciFunction name = { .address = *address };

        for (const char *p = line.at; p < line.end; p++) {
                TextSpan rest = {p + 1, line.end};
                uint16_t first, second;

                if (*p != '[' || !text_read_hex16(&rest, &first))
                        continue;
                if (text_read_word(&rest, "]"))
                        name.pci_class = name.pci_class ?: first;
                else if (text_read_word(&rest, ":") && text_read_hex16(&rest, &second)) {
                        name.vendor_id = first;
                        name.device_id = second;
                }
        }
        return name;
}

/* A blank and two hex digits. */
static bool read_byte(TextSpan *s, uint8_t *ret) {
        int high, low;

        if (text_span_size(s) < 3 || s->at[0] != ' ')
                return false;
        high = parse_digit(s->at[1], 16);
        low = parse_digit(s->at[2], 16);
        if (high < 0 || low < 0)
                return false;

        *ret = (uint8_t) (high << 4 | low);
        s->at += 3;
        return true;
}

/* The offset before the colon, in two or three hex digits. */
static bool read_offset(TextSpan *s, size_t *ret) {
        size_t offset = 0, n = 0;

        for (; n < 3 && n < text_span_size(s) && parse_digit(s->at[n], 16) >= 0; n++)
                offset = offset << 4 | (size_t) parse_digit(s->at[n], 16);
        if (n < 2 || n == text_span_size(s) || s->at[n] != ':')
                return false;

        *ret = offset;
        s->at += n + 1;
        return true;
}

static void read_row(ListingReader *l, TextSpan s, unsigned line) {
        size_t offset;
        bool good;

        good = read_offset(&s, &offset) && offset == l->n_bytes && offset + ROW_BYTES <= sizeof(l->bytes);
        for (size_t i = 0; good && i < ROW_BYTES; i++)
                good = read_byte(&s, &l->bytes[offset + i]);

        if (good && s.at == s.end)
                l->n_bytes += ROW_BYTES;
        else if (!l->wrong) {
                l->wrong = "this row is not 16 bytes that follow the ones before";
                l->wrong_line = line;
        }
}

static int read_line(ListingReader *l, TextSpan line, unsigned number) {
        PciAddress address;
        int r;

        if (text_span_size(&line) == 0)
                return end_block(l);

        if (read_address(line, &address)) {
                r = end_block(l);
                l->is_astray = false;
                l->in_block = true;
                l->first_line = number;
                l->named = read_name(&address, line);
                l->n_bytes = 0;
                l->wrong = NULL;
                return r;
        }

        /* Indented lines are lspci's words about the device. */
        if (*line.at == ' ' || *line.at == '\t')
                return 0;
        if (l->in_block)
                read_row(l, line, number);
        else if (!l->is_astray) {
                problem_report(
                        l->problems, number, "this line is skipped: it begins no device and belongs to none");
                l->is_astray = true;
        }
        return 0;
}

int pci_listing_parse(const char *data, size_t size, const ProblemSink *problems, PciListing *ret) {
        TextLines lines = text_lines(data, size);
        _cleanup_free_ ListingReader *l = NULL;
        TextSpan line;
        int r = 0;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->problems = problems;

        while (r >= 0 && text_lines_next(&lines, &line)) {
                TextSpan trimmed = text_span_trim(line);

                /* A line of blanks, such as a single "\r", counts as empty. */
                line.end = text_span_size(&trimmed) > 0 ? trimmed.end : line.at;
                r = read_line(l, line, lines.line);
        }
        if (r >= 0)
                r = end_block(l);
        if (r < 0) {
                pci_listing_done(&l->listing);
                return r;
        }

        *ret = l->listing;
        return 0;
}
