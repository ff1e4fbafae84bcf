// IntrusiveList: a doubly linked list whose links live in its elements, so that entering and leaving allocate nothing.
#pragma once

#include <cassert>

namespace edge {

template <class T>
struct ListLink {
  T* previous = nullptr;
  T* next = nullptr;
};

/// Owns nothing. An element is in at most one list for each of its links; whoever puts it in knows in which.
template <class T, ListLink<T> T::* Link>
class IntrusiveList {
 public:
  IntrusiveList() = default;
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() { assert(empty() && "a list was destroyed with elements in it"); }

  bool empty() const { return first_ == nullptr; }
  T* front() const { return first_; }
  static T* after(const T& element) { return (element.*Link).next; }

  void push_back(T& element) { insert_before(element, nullptr); }
  void push_front(T& element) { insert_before(element, first_); }
  /// Before `next`, or at the end when it is null.
  void insert_before(T& element, T* next) {
    T* const previous = next ? (next->*Link).previous : last_;
    element.*Link = {previous, next};
    (previous ? (previous->*Link).next : first_) = &element;
    (next ? (next->*Link).previous : last_) = &element;
  }

  void remove(T& element) {
    auto& [previous, next] = element.*Link;
    (previous ? (previous->*Link).next : first_) = next;
    (next ? (next->*Link).previous : last_) = previous;
    previous = next = nullptr;
  }

  T* pop_front() {
    T* const element = first_;
    if (element) remove(*element);
    return element;
  }

 private:
  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace edge
