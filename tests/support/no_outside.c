// Aborts a process that sends something to another machine, or looks up a host. It is loaded with
// LD_PRELOAD, so that the calls of native libraries are checked too. A server may listen.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void refuse(const char* what) {
  fprintf(stderr, "reached for another machine: %s\n", what);
  abort();
}

static void check(const char* what, const struct sockaddr* address) {
  if (address == NULL) return;
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in* four = (const struct sockaddr_in*)address;
    if (ntohl(four->sin_addr.s_addr) >> 24 != 127) refuse(what);
  } else if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6* six = (const struct sockaddr_in6*)address;
    if (!IN6_IS_ADDR_LOOPBACK(&six->sin6_addr)) refuse(what);
  }
}

int connect(int socket, const struct sockaddr* address, socklen_t size) {
  check("connect", address);
  int (*real)(int, const struct sockaddr*, socklen_t) =
      (int (*)(int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "connect");
  return real(socket, address, size);
}

ssize_t sendto(int socket, const void* data, size_t length, int flags,
               const struct sockaddr* address, socklen_t size) {
  check("sendto", address);
  ssize_t (*real)(int, const void*, size_t, int, const struct sockaddr*, socklen_t) = (ssize_t(*)(
      int, const void*, size_t, int, const struct sockaddr*, socklen_t))dlsym(RTLD_NEXT, "sendto");
  return real(socket, data, length, flags, address, size);
}

int getaddrinfo(const char* node, const char* service, const struct addrinfo* hints,
                struct addrinfo** result) {
  if (node != NULL && strcmp(node, "localhost") != 0 && strncmp(node, "127.", 4) != 0 &&
      strcmp(node, "::1") != 0)
    refuse(node);
  int (*real)(const char*, const char*, const struct addrinfo*, struct addrinfo**) =
      (int (*)(const char*, const char*, const struct addrinfo*, struct addrinfo**))dlsym(
          RTLD_NEXT, "getaddrinfo");
  return real(node, service, hints, result);
}
