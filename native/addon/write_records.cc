// SPDX-License-Identifier: MIT
//
// Records of ended sessions to JavaScript: the numbers of all of them in one typed array, row after row, and their
// addresses as text. An object per record would cost more than all else that is done with it. The columns are named
// once, here, and told to TypeScript, which goes by the names.
#include <limits>

#include "addon/marshal.h"

namespace ub {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();  // stands for what there is none of

double ms(Nanos n) { return n == kNotYet ? kNone : static_cast<double>(n) / 1e6; }
double flag(bool b) { return b ? 1 : 0; }
double rtt(const TcpFacts& facts, uint32_t us) {
  return facts.known && facts.rtt_us != 0 ? static_cast<double>(us) / 1e3 : kNone;
}

#define UB_RECORD_COLUMNS(X)                                                        \
  X("worker", r.worker)                                                             \
  X("listener", r.listener)                                                         \
  X("pool", r.pool)                                                                 \
  X("backend", r.backend == kNoSlot ? kNone : r.backend)                            \
  X("reason", static_cast<double>(r.reason))                                        \
  X("failure", r.failed_once ? static_cast<double>(r.failure) : kNone)              \
  X("attempts", r.attempts)                                                         \
  X("warm", flag(r.warm))                                                           \
  X("firstEnds", r.first_ends)                                                      \
  X("reset", flag(r.reset))                                                         \
  X("backendEnded", flag(r.backend_ended))                                          \
  X("clientStuck", flag(r.stuck[kClient]))                                          \
  X("backendStuck", flag(r.stuck[kBackend]))                                        \
  X("clientPort", r.client_port)                                                    \
  X("localPort", r.local_port)                                                      \
  X("endedAtMs", ms(r.ended_at))                                                    \
  X("durationMs", ms(r.duration))                                                   \
  X("waitedMs", ms(r.waited))                                                       \
  X("handshakeMs", ms(r.handshake))                                                 \
  X("clientByteMs", ms(r.first_byte[kClient]))                                      \
  X("backendByteMs", ms(r.first_byte[kBackend]))                                    \
  X("turns", r.turns)                                                               \
  X("turnsMs", ms(r.turns_took))                                                    \
  X("longestTurnMs", ms(r.longest_turn))                                            \
  X("toBackendBytes", static_cast<double>(r.to_backend))                            \
  X("toClientBytes", static_cast<double>(r.to_client))                              \
  X("clientRttMs", rtt(r.tcp[kClient], r.tcp[kClient].rtt_us))                      \
  X("clientRttVarianceMs", rtt(r.tcp[kClient], r.tcp[kClient].rtt_variance_us))     \
  X("clientRetransmits", r.tcp[kClient].known ? r.tcp[kClient].retransmits : kNone) \
  X("backendRttMs", rtt(r.tcp[kBackend], r.tcp[kBackend].rtt_us))                   \
  X("backendRttVarianceMs", rtt(r.tcp[kBackend], r.tcp[kBackend].rtt_variance_us))  \
  X("backendRetransmits", r.tcp[kBackend].known ? r.tcp[kBackend].retransmits : kNone)

constexpr const char* kColumns[] = {
#define UB_TEXT(name, value) name,
    UB_RECORD_COLUMNS(UB_TEXT)
#undef UB_TEXT
};
constexpr size_t kColumnCount = sizeof kColumns / sizeof *kColumns;

void write_row(const SessionRecord& r, double* into) {
  const double row[] = {
#define UB_VALUE(name, value) static_cast<double>(value),
      UB_RECORD_COLUMNS(UB_VALUE)
#undef UB_VALUE
  };
  static_assert(sizeof row / sizeof *row == kColumnCount);
  for (size_t i = 0; i < kColumnCount; ++i) into[i] = row[i];
}

}  // namespace

Napi::Value record_columns(Napi::Env env) {
  Napi::Array out = Napi::Array::New(env, kColumnCount);
  for (size_t i = 0; i < kColumnCount; ++i) {
    out.Set(static_cast<uint32_t>(i), Napi::String::New(env, kColumns[i]));
  }
  return out;
}

Napi::Value write_records(Napi::Env env, const std::vector<SessionRecord>& records) {
  Napi::Float64Array values = Napi::Float64Array::New(env, records.size() * kColumnCount);
  Napi::Array addresses = Napi::Array::New(env, records.size() * 2);
  for (uint32_t i = 0; i < records.size(); ++i) {
    write_row(records[i], values.Data() + i * kColumnCount);
    addresses.Set(i * 2, Napi::String::New(env, client_text(records[i].client)));
    addresses.Set(i * 2 + 1, Napi::String::New(env, client_text(records[i].local)));
  }
  Napi::Object out = Napi::Object::New(env);
  out.Set("values", values);
  out.Set("addresses", addresses);
  return out;
}

}  // namespace ub
