// SPDX-License-Identifier: MIT
#include "trial.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "gauge.h"

namespace load {
namespace {

constexpr Nanos kConnectDeadline = 10 * kSecond;
constexpr Nanos kReleaseLook = 20 * kMillisecond;

/// "12,34", or "-" for none.
std::vector<pid_t> parse_pids(const std::string& text) {
  std::vector<pid_t> pids;
  std::istringstream list(text);
  for (std::string pid; std::getline(list, pid, ',');) {
    if (pid != "-") pids.push_back(static_cast<pid_t>(std::stol(pid)));
  }
  return pids;
}

void tell(const char* event) {
  Json json;
  json.open('{').field("event", std::string(event)).close('}').print();
}

}  // namespace

void Console::on_ready(uint32_t) {
  char buffer[4096];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n <= 0) die("the harness is gone");
  line.append(buffer, static_cast<size_t>(n));
}

class Acceptors::One : public Watched {
 public:
  One(Trial& trial, uint32_t index) : trial_(trial), index_(index) {}

  void on_ready(uint32_t) override {
    for (int i = 0; i < 16; ++i) {
      const int accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted < 0) {
        if (errno != EAGAIN && errno != ECONNABORTED) trial_.errors.count("accept_failed");
        return;
      }
      load->accepted(accepted, index_);
    }
  }

  Load* load = nullptr;

 private:
  Trial& trial_;
  uint32_t index_;
};

Acceptors::Acceptors(Trial& trial, uint32_t count) : trial_(trial) {
  trial.asked.assign(count, 0);
  uint16_t port = 0;
  for (uint32_t i = 0; i < count; ++i) {
    all_.push_back(std::make_unique<One>(trial, i));
    Endpoint bound;
    all_.back()->fd = listen_on({address_in(trial.net, kBackendPart, i), port}, bound);
    port = bound.port;
    trial.backends.push_back(bound);
  }
}

Acceptors::~Acceptors() = default;

void Acceptors::start(Load& load) {
  for (const auto& one : all_) {
    one->load = &load;
    trial_.loop.watch(*one, EPOLLIN);
  }
}

void wait_for_go(Trial& trial) {
  Json json;
  json.open('{').field("event", std::string("ready")).key("backends").open('[');
  for (const Endpoint& backend : trial.backends) json.value(backend.text());
  json.close(']').close('}').print();

  Console console;
  trial.loop.watch(console, EPOLLIN);
  trial.loop.run([&] { return console.complete(); }, kNever);
  std::istringstream words(console.line);
  std::string verb, target, pids;
  words >> verb >> target >> pids;
  if (verb != "go") die(("not a command: " + console.line).c_str());
  if (target == "direct") {
    trial.targets = trial.backends;
  } else {
    trial.targets = {Endpoint::parse(target)};
  }
  trial.pids = parse_pids(pids);
  trial.loop.release(console);
}

void report_errors(Json& json, const Errors& errors) {
  json.key("errors").open('{');
  for (const auto& [name, count] : errors.by_name()) json.field(name.c_str(), count);
  json.close('}');
}

int run_trial(Trial& trial, Load& load, const Args& args) {
  const Nanos warm_up = static_cast<Nanos>(args.number("warm-up", 1) * kSecond);
  const Nanos window = static_cast<Nanos>(args.number("window", 3) * kSecond);
  const Nanos patience = static_cast<Nanos>(args.number("patience", 10) * kSecond);
  Acceptors acceptors(trial, std::max(1u, args.count("backends", 1)));
  args.check_all_used();
  acceptors.start(load);
  wait_for_go(trial);
  Loop& loop = trial.loop;
  const uint64_t descriptors_before = open_descriptors(trial.pids);

  load.connect();
  if (!loop.run([&] { return load.connected(); }, now_ns() + kConnectDeadline)) trial.errors.count("not_connected");
  loop.on_time = [&](Nanos now) { return load.on_time(now); };
  load.begin(now_ns());
  const auto never = [] { return false; };
  loop.run(never, now_ns() + warm_up);

  tell("open");
  const Reading before = read_gauge(trial.pids);
  trial.window_from = before.at;
  trial.window_to = before.at + window;
  trial.measuring = true;
  const uint64_t units_before = load.units();
  loop.run(never, trial.window_to);
  const uint64_t units_after = load.units();
  const Reading after = read_gauge(trial.pids);
  trial.measuring = false;
  tell("closed");

  load.end();
  if (!loop.run([&] { return load.ended(); }, now_ns() + patience)) trial.errors.count("not_ended");
  // Sessions are gone for the peers; the proxy may take a moment to see the last of it. What it then still
  // has more than before, such as pipes for later, is no longer on its way down.
  uint64_t descriptors_after = open_descriptors(trial.pids);
  for (int unchanged = 0; descriptors_after > descriptors_before && unchanged < 5;) {
    loop.run(never, now_ns() + kReleaseLook);
    const uint64_t open = open_descriptors(trial.pids);
    unchanged = open < descriptors_after ? 0 : unchanged + 1;
    descriptors_after = open;
  }

  Json json;
  json.open('{').field("event", std::string("result")).field("unit", std::string(load.unit()));
  json.field("units", units_after - units_before).field("units_in_all", load.units());
  report_window(json, before, after);
  json.field("descriptors_before", descriptors_before).field("descriptors_after", descriptors_after);
  const auto [least, most] = std::minmax_element(trial.asked.begin(), trial.asked.end());
  json.key("picks").open('{').field("backends", trial.asked.size());
  json.field("least", *least).field("most", *most).close('}');
  load.report(json);
  report_errors(json, trial.errors);
  json.close('}').print();
  return 0;
}

}  // namespace load
