// SPDX-License-Identifier: MIT
//
// Where a program runs: on one CPU, in a network namespace of its own; and what keeps CPUs from sleeping.
#pragma once

namespace load {

/// Pins this process to a CPU and becomes the command, which ends when the parent does.
int run_on_cpu(int cpu, char** command);

/// A fresh network namespace with loopback up, becomes the command. What it sets in there is told on stderr
/// by name.
int run_in_namespace(char** command);

/// Keeps all CPUs out of sleep states until the parent ends: an idle one polls. Needs root.
int keep_awake();

}  // namespace load
