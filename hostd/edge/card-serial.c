/*
 * A card's number where its configuration space has none
 */

#include "hostd/edge/card-serial.h"

#include <stdio.h>

#include "common/base/text.h"
#include "common/io/file.h"

#define VPD_SIZE_MAX 32768 /* its addresses have 15 bits */
#define INFORMATION_SIZE_MAX 16384

int card_serial_of_vpd(const char *folder, char ret[static CARD_NUMBER_MAX]) {
        _cleanup_free_ char *path = path_join(folder, "vpd"), *data = NULL;
        size_t size;
        int r;

        *ret = '\0';
        if (!path)
                return -ENOMEM;
        r = file_read(path, VPD_SIZE_MAX, &data, &size);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (!vpd_serial((const uint8_t *) data, size, ret))
                *ret = '\0';
        return 0;
}

/* Drivers of today name the folder as the function, some with eight digits for the domain. */
static int read_information(const char *gpus, const PciAddress *address, char **ret) {
        static const char *const prefixes[] = {"", "0000"};

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
                _cleanup_free_ char *path = text_printf("%s/%s%s/information", gpus, prefixes[i], PCI_TEXT(address));
                int r;

                if (!path)
                        return -ENOMEM;
                r = file_read(path, INFORMATION_SIZE_MAX, ret, NULL);
                if (r == -ENOMEM || r >= 0)
                        return r;
        }
        return -ENOENT;
}

int card_serial_of_nvidia(const char *gpus, const PciAddress *address, char ret[static CARD_NUMBER_MAX]) {
        _cleanup_free_ char *text = NULL;
        int r;

        *ret = '\0';
        r = read_information(gpus, address, &text);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        if (!nvidia_gpu_uuid(text, ret))
                *ret = '\0';
        return 0;
}
