// SPDX-License-Identifier: MIT
//
// The only include of napi.h, with the choices that go with it: no C++ exceptions, the ABI of Node 20 and later.
#pragma once

#ifndef NAPI_VERSION
#define NAPI_VERSION 9
#endif
#define NODE_ADDON_API_DISABLE_DEPRECATED
#define NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS
// An environment that is being torn down takes no exception any more: it is let go of instead of ending the process.
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS

#include <napi.h>
