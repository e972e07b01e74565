// SPDX-License-Identifier: MIT
//
// Sessions that do nothing, in steps of numbers: what does the proxy, and what does the kernel, hold for
// each? Either they never say a byte, or each has asked and been answered once, which shows who keeps
// buffers.
#pragma once

#include "trial.h"

namespace load {

/// A course of its own: open up to each number, settle, read memory. Returns the exit code.
int run_idle(Trial& trial, const Args& args);

}  // namespace load
