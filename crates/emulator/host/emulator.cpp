#include "host.hpp"

#include <cstdio>
#include <memory>
#include <ucontext.h>
#include <vector>

thread_local Index threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

static Entry* entries = nullptr;

Entry::Entry(const char* name, size_t arguments, Kernel kernel)
    : name(name), arguments(arguments), kernel(kernel), next(entries) {
  entries = this;
}

namespace {

constexpr size_t STACK = 64 * 1024;
constexpr int LANES = 32;

// Fibres that wait for each other.
struct Meeting {
  int members = 0;
  int64_t arrived = 0;
};

struct Warp {
  Meeting meeting;
  // Two rounds, because a reader of the first one's values can be overtaken by at most one round.
  float values[2][LANES];
  unsigned votes[2][LANES];
};

struct Fibre {
  jmp_buf at;
  bool started = false, done = false;
  // Waits until `meeting->arrived` reaches `until`.
  const Meeting* meeting = nullptr;
  int64_t until = 0;
  int64_t barriers = 0, shuffles = 0;
};

struct Block {
  Kernel kernel;
  const void* arguments;
  std::vector<Fibre> fibres;
  std::vector<Warp> warps;
  std::unique_ptr<char[]> stacks;
  std::vector<float> shared;
  Meeting all;
  jmp_buf scheduler;
  int current = 0;
};

thread_local Block* block = nullptr;

void body() {
  block->kernel(block->arguments);
  block->fibres[block->current].done = true;
  _longjmp(block->scheduler, 1);
}

// Takes part in a meeting, and continues when all members have arrived.
void meet(Meeting& meeting, int64_t round) {
  Fibre& fibre = block->fibres[block->current];
  ++meeting.arrived;
  fibre.meeting = &meeting;
  fibre.until = (round + 1) * meeting.members;
  if (meeting.arrived >= fibre.until) return;
  if (_setjmp(fibre.at) == 0) _longjmp(block->scheduler, 1);
}

void resume(int thread) {
  Fibre& fibre = block->fibres[thread];
  block->current = thread;
  threadIdx.x = thread;
  if (_setjmp(block->scheduler) != 0) return;
  if (fibre.started) _longjmp(fibre.at, 1);
  fibre.started = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = block->stacks.get() + STACK * thread;
  context.uc_stack.ss_size = STACK;
  context.uc_link = nullptr;
  makecontext(&context, body, 0);
  setcontext(&context);
}

bool run_block(Block& b, int threads, int shared_bytes, bool descending) {
  block = &b;
  b.fibres.assign(threads, Fibre());
  b.warps.assign((threads + LANES - 1) / LANES, Warp());
  b.shared.assign(shared_bytes / sizeof(float), NAN);
  b.all = Meeting{threads, 0};
  for (int i = 0; i < threads; ++i) ++b.warps[i / LANES].meeting.members;
  for (int left = threads; left > 0;) {
    bool moved = false;
    for (int i = 0; i < threads; ++i) {
      const int thread = descending ? threads - 1 - i : i;
      Fibre& fibre = b.fibres[thread];
      if (fibre.done || (fibre.meeting && fibre.meeting->arrived < fibre.until)) continue;
      resume(thread);
      moved = true;
      left -= b.fibres[thread].done;
    }
    if (!moved) return false;
  }
  // A fibre that left without the others violated the rule of barriers, even if none was left to wait.
  for (const Fibre& fibre : b.fibres) {
    if (fibre.barriers != b.fibres[0].barriers) return false;
  }
  return true;
}

}  // namespace

float* shared() { return block->shared.data(); }

void barrier() {
  const int64_t round = block->fibres[block->current].barriers++;
  meet(block->all, round);
}

float shuffle_down(float x, int distance) {
  Warp& warp = block->warps[block->current / LANES];
  const int lane = block->current % LANES;
  const int64_t round = block->fibres[block->current].shuffles++;
  warp.values[round % 2][lane] = x;
  meet(warp.meeting, round);
  return lane + distance < LANES ? warp.values[round % 2][lane + distance] : x;
}

unsigned ballot(bool vote) {
  Warp& warp = block->warps[block->current / LANES];
  const int64_t round = block->fibres[block->current].shuffles++;
  warp.votes[round % 2][block->current % LANES] = vote;
  meet(warp.meeting, round);
  unsigned votes = 0;
  for (int lane = 0; lane < warp.meeting.members; ++lane) votes |= warp.votes[round % 2][lane] << lane;
  return votes;
}

}  // namespace emulator

// Each source has its own namespace, as it has its own module on a GPU.
#include "random.cuh"
namespace adam {
#include "adam.cu"
}
namespace lif {
#include "lif.cu"
}
namespace random_numbers {
#include "random.cu"
}
namespace rate {
#include "rate.cu"
}
namespace readout {
#include "readout.cu"
}
namespace spiking {
#include "spiking.cu"
}

// Runs a kernel, with its threads in ascending or descending order between barriers. Returns 0 if done, 1 for no kernel
// of this name, 2 for arguments of another size, 3 for a barrier that not all threads reached, 4 if shared memory was
// written beyond its end.
extern "C" int mdl_emulate(const char* name, const void* arguments, size_t size, int blocks, int threads, int shared_bytes,
                           int descending) {
  using namespace emulator;
  const Entry* entry = entries;
  while (entry && std::strcmp(entry->name, name) != 0) entry = entry->next;
  if (!entry) return 1;
  if (entry->arguments != size) return 2;
  constexpr int GUARD = 64;
  Block b;
  b.kernel = entry->kernel;
  b.arguments = arguments;
  b.stacks.reset(new char[STACK * threads]);
  gridDim.x = blocks;
  blockDim.x = threads;
  for (int i = 0; i < blocks; ++i) {
    blockIdx.x = descending ? blocks - 1 - i : i;
    if (!run_block(b, threads, shared_bytes + GUARD * sizeof(float), descending)) return 3;
    const float* guard = b.shared.data() + shared_bytes / sizeof(float);
    for (int j = 0; j < GUARD; ++j) {
      if (!std::isnan(guard[j])) return 4;
    }
  }
  return 0;
}
