// SPDX-License-Identifier: MIT
#include <set>

#include "base/list.h"
#include "base/slab.h"
#include "harness.h"
#include "net/buffer_pool.h"

namespace {

struct Item {
  int value = 7;
  ub::Link link;
};

}  // namespace

TEST(slab_finds_only_what_lives) {
  ub::Slab<Item, 4> slab;
  const auto first = slab.acquire();
  CHECK(first.item != nullptr && first.generation != 0);
  CHECK(slab.find(first.index, first.generation) == first.item);
  CHECK(slab.find(first.index, first.generation + 1) == nullptr);
  CHECK(slab.find(12345, first.generation) == nullptr);
  slab.release(first.index);
  CHECK(slab.find(first.index, first.generation) == nullptr);
  // The same slot is handed out again under another generation: a stale event does not reach its new owner.
  const auto second = slab.acquire();
  CHECK_EQUAL(second.index, first.index);
  CHECK(second.generation != first.generation);
  CHECK(slab.find(first.index, first.generation) == nullptr);
  CHECK_EQUAL(second.item->value, 7);
}

TEST(slab_gives_empty_chunks_back_and_survives_it) {
  ub::Slab<Item, 4> slab;
  std::vector<ub::Slab<Item, 4>::Slot> held;
  std::set<uint32_t> indexes;
  for (int round = 0; round < 3; ++round) {
    indexes.clear();
    for (int i = 0; i < 41; ++i) {
      held.push_back(slab.acquire());
      indexes.insert(held.back().index);
    }
    CHECK_EQUAL(indexes.size(), size_t{41});
    CHECK_EQUAL(slab.live(), 41U);
    for (const auto& slot : held) slab.release(slot.index);
    CHECK_EQUAL(slab.live(), 0U);
    for (const auto& slot : held) CHECK(slab.find(slot.index, slot.generation) == nullptr);
    held.clear();
  }
}

TEST(slab_visits_all_and_lets_the_visitor_release) {
  ub::Slab<Item, 4> slab;
  std::vector<uint32_t> order;
  for (int i = 0; i < 10; ++i) {
    const auto slot = slab.acquire();
    slot.item->value = static_cast<int>(slot.index);
  }
  slab.for_each([&](Item& item) {
    order.push_back(static_cast<uint32_t>(item.value));
    slab.release(static_cast<uint32_t>(item.value));
  });
  CHECK_EQUAL(order.size(), size_t{10});
  CHECK_EQUAL(slab.live(), 0U);
}

TEST(list_keeps_order_through_unlinking_and_splicing) {
  ub::List<Item, &Item::link> list;
  ub::List<Item, &Item::link> other;
  Item items[5];
  for (int i = 0; i < 5; ++i) {
    items[i].value = i;
    (i < 3 ? list : other).push_back(items[i]);
  }
  items[1].link.unlink();
  items[1].link.unlink();  // twice is harmless
  list.splice_back(other);
  CHECK(other.empty());
  int expected[] = {0, 2, 3, 4};
  for (int value : expected) CHECK_EQUAL(list.pop_front()->value, value);
  CHECK(list.pop_front() == nullptr);
}

TEST(buffers_are_of_the_size_asked_for_and_counted) {
  ub::BufferPool pool;
  for (size_t size : {size_t{1}, size_t{1024}, size_t{1025}, size_t{65536}, size_t{1} << 24}) {
    ub::Block* block = pool.acquire(size);
    CHECK(block != nullptr && block->capacity >= size);
    block->data[size - 1] = 'x';
    CHECK_EQUAL(pool.in_use(), size_t{block->capacity});
    pool.release(block);
    CHECK_EQUAL(pool.in_use(), size_t{0});
  }
  ub::Block* kept = pool.acquire(2000);
  pool.release(kept);
  CHECK(pool.acquire(1800) == kept);  // of the same grade: used again
  pool.release(kept);
}
