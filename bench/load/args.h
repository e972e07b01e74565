// SPDX-License-Identifier: MIT
//
// `--name value` pairs. Every name has to be asked for by somebody, else it is a mistake and check_all_used
// says so.
#pragma once

#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "base.h"

namespace load {

class Args {
 public:
  Args(int argc, char** argv, int from) {
    for (int i = from; i < argc; i += 2) {
      const std::string name = argv[i];
      if (name.rfind("--", 0) != 0 || i + 1 >= argc) die(("not `--name value`: " + name).c_str());
      values_[name.substr(2)] = argv[i + 1];
    }
  }

  std::string text(const std::string& name, const std::string& otherwise) const {
    used_.insert(name);
    const auto it = values_.find(name);
    return it == values_.end() ? otherwise : it->second;
  }

  double number(const std::string& name, double otherwise) const {
    const std::string value = text(name, "");
    if (value.empty()) return otherwise;
    char* end = nullptr;
    const double parsed = std::strtod(value.c_str(), &end);
    if (*end != '\0' || !(parsed >= 0)) die(("not a number: --" + name + " " + value).c_str());
    return parsed;
  }

  uint32_t count(const std::string& name, uint32_t otherwise) const {
    return static_cast<uint32_t>(number(name, otherwise));
  }

  void check_all_used() const {
    for (const auto& [name, value] : values_) {
      if (used_.count(name) == 0) die(("nobody knows --" + name).c_str());
    }
  }

 private:
  std::map<std::string, std::string> values_;
  mutable std::set<std::string> used_;
};

}  // namespace load
