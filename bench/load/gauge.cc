// SPDX-License-Identifier: MIT
#include "gauge.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

namespace load {
namespace {

/// What a socket that a process holds, and polls, is made of.
constexpr const char* kSocketCaches[] = {"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq"};

std::string proc_path(pid_t pid, const std::string& rest) { return "/proc/" + std::to_string(pid) + "/" + rest; }

void for_each_entry(const std::string& folder, const std::function<void(const std::string&)>& visit) {
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') visit(entry->d_name);
  }
  closedir(dir);
}

std::string first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string inode_of(const std::string& link) {
  char target[128];
  const ssize_t n = readlink(link.c_str(), target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : "";
}

uint64_t ran(const std::string& task) {
  uint64_t ns = 0;
  std::istringstream(first_line(task + "/schedstat")) >> ns;
  return ns;
}

uint64_t all_tasks() {
  uint64_t total = 0;
  for_each_entry("/proc", [&](const std::string& pid) {
    if (pid[0] < '0' || pid[0] > '9') return;
    const std::string tasks = "/proc/" + pid + "/task";
    for_each_entry(tasks, [&](const std::string& tid) { total += ran(tasks + "/" + tid); });
  });
  return total;
}

uint64_t process_clock(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? static_cast<uint64_t>(read_clock(clock)) : 0;
}

}  // namespace

Reading read_gauge(const std::vector<pid_t>& pids) {
  Reading r;
  r.tasks_ns = all_tasks();
  r.at = now_ns();
  for (const pid_t pid : pids) {
    for_each_entry(proc_path(pid, "task"), [&](const std::string& tid) {
      ThreadTime t;
      t.pid = pid;
      t.tid = static_cast<pid_t>(std::stol(tid));
      t.name = first_line(proc_path(pid, "task/" + tid + "/comm"));
      t.ns = ran(proc_path(pid, "task/" + tid));
      r.threads.push_back(t);
    });
    r.process_clock_ns += process_clock(pid);
  }
  r.own_ns = static_cast<uint64_t>(read_clock(CLOCK_PROCESS_CPUTIME_ID));
  std::ifstream stat("/proc/stat");
  std::string label;
  uint64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
  stat >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
  const uint64_t tick = kSecond / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  r.idle_ns = (idle + iowait) * tick;
  r.steal_ns = steal * tick;
  for (std::string line; std::getline(stat, line);) {
    if (line.rfind("processes ", 0) == 0) r.forks = std::stoull(line.substr(10));
  }
  return r;
}

void report_window(Json& json, const Reading& before, const Reading& after) {
  const uint64_t elapsed = static_cast<uint64_t>(after.at - before.at);
  json.field("window_ns", elapsed);
  uint64_t total = 0;
  json.key("threads").open('[');
  for (const ThreadTime& now : after.threads) {
    uint64_t then = 0;
    for (const ThreadTime& t : before.threads) {
      if (t.tid == now.tid) then = t.ns;
    }
    total += now.ns - then;
    json.open('{').field("pid", now.pid).field("tid", now.tid).field("name", now.name);
    json.field("ns", now.ns - then).close('}');
  }
  json.close(']');
  json.field("proxy_ns", total).field("proxy_clock_ns", after.process_clock_ns - before.process_clock_ns);
  json.field("own_ns", after.own_ns - before.own_ns);
  const uint64_t capacity = elapsed * static_cast<uint64_t>(sysconf(_SC_NPROCESSORS_ONLN));
  const uint64_t unused = (after.idle_ns - before.idle_ns) + (after.steal_ns - before.steal_ns);
  json.field("machine_ns", capacity > unused ? capacity - unused : 0);
  json.field("steal_ns", after.steal_ns - before.steal_ns).field("capacity_ns", capacity);
  // A stranger that ends takes its time with it.
  json.field("tasks_ns", after.tasks_ns > before.tasks_ns ? after.tasks_ns - before.tasks_ns : 0);
  json.field("forks", after.forks - before.forks);
}

uint64_t open_descriptors(const std::vector<pid_t>& pids) {
  // A table shared by threads lists the same objects again; sockets and pipes tell themselves apart by inode.
  uint64_t count = 0;
  for (const pid_t pid : pids) {
    std::set<std::string> seen;
    uint64_t plain = 0;
    for_each_entry(proc_path(pid, "task"), [&](const std::string& tid) {
      const std::string folder = proc_path(pid, "task/" + tid + "/fd");
      uint64_t others = 0;
      for_each_entry(folder, [&](const std::string& fd) {
        const std::string what = inode_of(folder + "/" + fd);
        if (what.rfind("socket:", 0) == 0) {
          seen.insert(what);
        } else if (what.rfind("pipe:", 0) == 0) {
          seen.insert(what + fd);  // both ends have one inode
        } else {
          others += 1;
        }
      });
      plain = std::max(plain, others);
    });
    count += seen.size() + plain;
  }
  return count;
}

Memory read_memory(const std::vector<pid_t>& pids) {
  Memory m;
  for (const pid_t pid : pids) {
    std::ifstream in(proc_path(pid, "smaps_rollup"));
    for (std::string line; std::getline(in, line);) {
      std::istringstream fields(line);
      std::string name;
      uint64_t kilobytes = 0;
      fields >> name >> kilobytes;
      if (name == "Pss:") m.pss += kilobytes * 1024;
      if (name == "Rss:") m.rss += kilobytes * 1024;
    }
  }
  std::ifstream in("/proc/slabinfo");
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string name;
    uint64_t active = 0, all = 0, size = 0;
    fields >> name >> active >> all >> size;
    for (const char* cache : kSocketCaches) {
      if (name == cache) m.slab += active * size;
    }
  }
  return m;
}

uint64_t time_wait_sockets() {
  std::ifstream in("/proc/net/sockstat");
  for (std::string line; std::getline(in, line);) {
    const size_t at = line.find(" tw ");
    if (line.rfind("TCP:", 0) == 0 && at != std::string::npos) return std::stoull(line.substr(at + 4));
  }
  return 0;
}

}  // namespace load
