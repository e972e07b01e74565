// SPDX-License-Identifier: MIT
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "base.h"

namespace load {
namespace {

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity", errno);
}

[[noreturn]] void become(char** command) {
  if (command[0] == nullptr) die("no command");
  execvp(command[0], command);
  die(command[0], errno);
}

void loopback_up() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0) die("loopback", errno);
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) die("loopback", errno);
  close(fd);
}

void set(const char* name, const char* value) {
  std::ofstream out(std::string("/proc/sys/net/ipv4/") + name);
  out << value << std::flush;
  if (!out) std::fprintf(stderr, "bench: net.ipv4.%s stays as it is\n", name);
}

}  // namespace

int run_on_cpu(int cpu, char** command) {
  pin(cpu);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  become(command);
}

int run_in_namespace(char** command) {
  if (unshare(CLONE_NEWNET) != 0) die("unshare", errno);
  loopback_up();
  std::ifstream in("/proc/sys/net/ipv4/tcp_congestion_control");
  std::string congestion;
  in >> congestion;
  // Pacing by timers is for real links; on loopback it measures the timers. A namespace may only have what
  // the host allows everybody, and Reno always is.
  if (congestion != "cubic" && congestion != "reno") set("tcp_congestion_control", "reno");
  set("ip_local_port_range", "10000 65000");
  set("tcp_max_tw_buckets", "1000000");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  become(command);
}

int keep_awake() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The kernel takes no idle state that takes longer to leave than this, for as long as the file is open.
  const int fd = open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC);
  const int32_t microseconds = 0;
  if (fd < 0 || write(fd, &microseconds, sizeof microseconds) != static_cast<ssize_t>(sizeof microseconds)) {
    die("/dev/cpu_dma_latency", errno);
  }
  std::printf("awake\n");
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace load
