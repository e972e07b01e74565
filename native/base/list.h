// SPDX-License-Identifier: MIT
//
// Intrusive doubly linked list: no allocation, removal without a search. A node is in at most one list per link.
// Not thread-safe; the owner of the list outlives its nodes' membership.
#pragma once

#include <cstddef>

namespace ub {

struct Link {
  Link* prev = nullptr;
  Link* next = nullptr;

  bool linked() const { return next != nullptr; }
  void unlink() {
    if (next == nullptr) return;
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

template <typename T, Link T::*kMember>
class List {
 public:
  List() { head_.prev = head_.next = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next == &head_; }
  T* front() { return empty() ? nullptr : owner(head_.next); }
  T* back() { return empty() ? nullptr : owner(head_.prev); }
  void push_back(T& item) { insert(item.*kMember, head_.prev, &head_); }
  void push_front(T& item) { insert(item.*kMember, &head_, head_.next); }
  T* pop_front() {
    T* item = front();
    if (item != nullptr) (item->*kMember).unlink();
    return item;
  }
  /// Moves every node of `other` to the end of this list.
  void splice_back(List& other) {
    if (other.empty()) return;
    Link* first = other.head_.next;
    Link* last = other.head_.prev;
    other.head_.prev = other.head_.next = &other.head_;
    first->prev = head_.prev;
    head_.prev->next = first;
    last->next = &head_;
    head_.prev = last;
  }
  template <typename F>
  void for_each(F&& visit) {  // visit may unlink the node it is handed
    for (Link* link = head_.next; link != &head_;) {
      Link* next = link->next;
      visit(*owner(link));
      link = next;
    }
  }

 private:
  static void insert(Link& link, Link* prev, Link* next) {
    link.prev = prev;
    link.next = next;
    prev->next = &link;
    next->prev = &link;
  }
  static T* owner(Link* link) {
    const auto offset = reinterpret_cast<size_t>(&(static_cast<T*>(nullptr)->*kMember));
    return reinterpret_cast<T*>(reinterpret_cast<char*>(link) - offset);
  }

  Link head_;
};

}  // namespace ub
