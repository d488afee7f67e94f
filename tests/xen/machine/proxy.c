/*
 * The far end of QEMU's x-pci-proxy-dev
 *
 * The layouts are those of QEMU 7.2, include/hw/remote/mpqemu-link.h.
 */

#include <sys/socket.h>

#include "tests/xen/machine/proxy.h"

#define BODY_MAX 4096
#define DESCRIPTORS_MAX 16

typedef enum ProxyCommand {
        PROXY_SYNC_MEMORY,
        PROXY_RETURN,
        PROXY_WRITE_CONFIG,
        PROXY_READ_CONFIG,
        PROXY_WRITE_BAR,
        PROXY_READ_BAR,
        PROXY_SET_INTERRUPT,
        PROXY_RESET,
} ProxyCommand;

typedef struct ProxyHeader {
        int32_t command;
        uint64_t size;
} ProxyHeader;

typedef struct ConfigAccess {
        uint32_t offset, value;
        int32_t size;
} ConfigAccess;

typedef struct BarAccess {
        uint64_t address, value;
        uint32_t size;
        bool is_memory;
} BarAccess;

static void drop_descriptors(struct msghdr *message) {
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                int fds[DESCRIPTORS_MAX];

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                n = MIN_OF(n, ARRAY_SIZE(fds));
                memcpy(fds, CMSG_DATA(c), n * sizeof(int));
                for (size_t i = 0; i < n; i++)
                        (void) close(fds[i]);
        }
}

/* 1, or 0 at the end of the stream. */
static int receive(int fd, void *data, size_t size) {
        char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];

        for (size_t done = 0; done < size;) {
                struct iovec part = {.iov_base = (char *) data + done, .iov_len = size - done};
                struct msghdr message = {.msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof(control)};
                ssize_t n;

                n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == ECONNRESET ? 0 : -errno;
                if (n == 0)
                        return 0;
                drop_descriptors(&message);
                done += (size_t) n;
        }
        return 1;
}

static int answer(int fd, uint64_t value) {
        struct {
                ProxyHeader header;
                uint64_t value;
        } reply = {.header = {.command = PROXY_RETURN, .size = sizeof(value)}, .value = value};

        return send(fd, &reply, sizeof(reply), MSG_NOSIGNAL) == sizeof(reply) ? 1 : errno == EPIPE ? 0 : -EIO;
}

static int serve_config(int fd, Function *function, bool write, const char *body, size_t size) {
        ConfigAccess access;

        if (size != sizeof(access))
                return -EBADMSG;
        memcpy(&access, body, sizeof(access));
        if (!write)
                return answer(fd, function_read_config(function, access.offset, (unsigned) access.size));
        function_write_config(function, access.offset, (unsigned) access.size, access.value);
        return answer(fd, 0);
}

static int serve_bar(int fd, const Function *function, bool write, const char *body, size_t size) {
        BarAccess access;

        if (size != sizeof(access))
                return -EBADMSG;
        memcpy(&access, body, sizeof(access));
        return answer(fd, write ? 0 : function_read_memory(function, access.address));
}

int proxy_serve(int fd, Function *function) {
        ProxyHeader header;
        char body[BODY_MAX];
        int r;

        r = receive(fd, &header, sizeof(header));
        if (r <= 0)
                return r;
        if (header.size > sizeof(body))
                return -EBADMSG;
        if (header.size > 0)
                r = receive(fd, body, header.size);
        if (r <= 0)
                return r;

        switch ((ProxyCommand) header.command) {
        case PROXY_READ_CONFIG:
        case PROXY_WRITE_CONFIG:
                return serve_config(fd, function, header.command == PROXY_WRITE_CONFIG, body, header.size);
        case PROXY_READ_BAR:
        case PROXY_WRITE_BAR:
                return serve_bar(fd, function, header.command == PROXY_WRITE_BAR, body, header.size);
        case PROXY_RESET:
                function_reset(function);
                return answer(fd, 0);
        case PROXY_SYNC_MEMORY:
        case PROXY_SET_INTERRUPT:
                return 1;
        case PROXY_RETURN:
                break;
        }
        return -EBADMSG;
}
