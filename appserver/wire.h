// What crosses between the edge and an app's processes. Included by both sides (the edge, and the gateway inside
// Python), so it depends on nothing but core/uwsgi/packet.h. All integers are of the machine: both ends are on it.
//
// Three kinds of channel, all socketpairs made by the edge and handed over as descriptors:
//
//   mailbox   edge -> one worker thread, SOCK_SEQPACKET. One message is one request, so it arrives whole or not at
//             all, any loop may send without a lock, and the edge (which keeps the worker's end open) can take an
//             unread request back by reading it itself. A thread of a WSGI app has a RequestRing beside it, which
//             takes all requests that fit: the socket is left for the others, and to wake the thread.
//   answers   worker thread -> one loop, SOCK_STREAM. One for each pair of thread and loop: the worker answers on
//             the channel of the loop that asked. Frames: of one answer after the other from a WSGI app, of many at
//             once from an ASGI app. The other way go notices, to ASGI apps only. A WSGI thread has an AnswerRing
//             beside it for small whole answers.
//   control   edge's main loop <-> zygote and its workers, SOCK_SEQPACKET, shared by all of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/uwsgi/packet.h"

namespace edge::wire {

// ---- mailbox -------------------------------------------------------------------------------------------------

/// Before each request in the mailbox. Then follow: the uwsgi packet (header and variables), then `body_size` bytes
/// of body, unless body_in_file, when the body is the whole content of the one descriptor sent with the message.
struct RequestHeader {
  std::uint64_t sequence = 0;   // names the request; never 0; repeated in the answer
  std::uint32_t loop = 0;       // index of the answers channel to use
  std::uint32_t flags = 0;      // RequestFlag
  std::uint64_t body_size = 0;  // bytes
  std::uint32_t place = 0;      // where the edge finds the request again; repeated in the answer
  std::uint32_t reserved = 0;
};
enum RequestFlag : std::uint32_t {
  kBodyInFile = 1,  // an open file, at offset 0
  kQuit = 2,        // no request: the thread ends (after all before it in the mailbox)
  kAsk = 4,         // no request: the thread of a WSGI app adds one to SharedSlot::heard, so it reads its mailbox
  kBell = 8,        // no request: there is one in the RequestRing
};

/// No message is larger: the header, a uwsgi packet of at most 64 KiB, and a body of at most kMaxInlineBody.
inline constexpr std::size_t kMaxInlineBody = 64 * 1024;
inline constexpr std::size_t kMaxRequestMessage =
    sizeof(RequestHeader) + uwsgi::kHeaderSize + uwsgi::kMaxBlock + kMaxInlineBody;

// ---- answers -------------------------------------------------------------------------------------------------

/// Before each piece of an answer. The first frame of an answer has kHead: its payload begins with `head_size` bytes
/// of head, the rest is body. Later frames have a head_size of 0. The last frame of an answer has kLast.
struct FrameHeader {
  std::uint64_t sequence = 0;      // of the request
  std::uint32_t payload_size = 0;  // bytes that follow this header, head included; at most kMaxFrame
  std::uint32_t head_size = 0;     // at most kMaxAnswerHead
  std::uint16_t status = 0;        // 100 … 999; with kHead only
  std::uint16_t flags = 0;         // FrameFlag
  std::uint32_t place = 0;         // of the request
};
enum FrameFlag : std::uint16_t {
  kHead = 1,
  kLast = 2,
  kFailed = 4,  // with kLast: the app failed. Without a head before it, the edge answers 500 itself (the traceback
                // was sent as a log line); after one, the client's connection is torn.
  kFile = 8,    // with kHead and kLast: the body is a part of a file, whose descriptor is sent with the frame's first
                // byte. The payload after the head is one FilePart, and no body.
  kRing = 16,   // alone, in a header of otherwise 0: no part of an answer, there is one in the AnswerRing
};
struct FilePart {
  std::uint64_t offset = 0;  // bytes
  std::uint64_t length = 0;  // bytes
};
/// A head is a block of uwsgi variables: the reason phrase under an empty name first, then the header fields in order.
inline constexpr std::size_t kMaxAnswerHead = 64 * 1024;
inline constexpr std::size_t kMaxFrame = 1 << 20;

/// From the edge, on the answers channel of an ASGI app: what has become of an answer that is not over.
struct Notice {
  std::uint64_t sequence = 0;  // of the request; one that is not known any more has been answered meanwhile
  std::uint32_t kind = 0;      // NoticeKind
  std::uint32_t value = 0;
};
enum NoticeKind : std::uint32_t {
  kTaken = 1,   // the client has taken `value` bytes more of the body
  kLeft = 2,    // the client has gone: receive() says http.disconnect, and nothing more needs to be sent but kLast
  kCancel = 3,  // the task is to be cancelled: `value` is the InterruptReason. Of sequence 0, which is no request's, it
                // only asks whether the event loop hears
};
/// An ASGI app's answer may have so many bytes of body under way that no kTaken has told of. Frames of several answers
/// share one channel, so nobody may wait on it for one client.
inline constexpr std::size_t kAnswerWindow = 128 * 1024;

// ---- shared memory -------------------------------------------------------------------------------------------

/// One for each worker thread, in a memfd that both sides map. Each member is written by one side and read by the
/// other; the edge trusts nothing in it.
struct alignas(64) SharedSlot {
  // The edge writes:
  std::uint64_t cancelled = 0;    // the sequence of the request whose answer nobody wants any more
  std::uint64_t interrupted = 0;  // the sequence of the request whose thread shall raise; kInterruptSignal follows
  std::uint64_t reason = 0;       // InterruptReason, written before `interrupted`
  // The worker writes:
  std::uint64_t begun = 0;    // the sequence of the request it has taken from the mailbox last
  std::uint64_t running = 0;  // the sequence of the request that the app is at; 0: none. ASGI: whose task has the
                              // event loop at this moment
  std::uint64_t thread = 0;   // the thread as faulthandler names it ("Thread 0x%016x"), 0: not known yet
  std::uint64_t taken = 0;    // how many requests it has taken from the mailbox so far
  std::uint64_t heard = 0;    // how many messages of kAsk it has read so far; ASGI: how many notices of kCancel
};
enum InterruptReason : std::uint64_t { kRequestTimeout = 1, kClientDisconnected = 2 };

/// One for each worker thread, behind the SharedSlots of all threads. Records follow one another, each at a position
/// that is a multiple of 8, and none goes over the end of `records`: pass_over fills what is left. Positions only grow;
/// where one lies is its remainder. Between `head` and `tail` are the records that nobody has taken. The edge believes
/// nothing of what the worker writes here, and reads no record.
struct RequestRing {
  static constexpr std::size_t kSize = 32 * 1024;  // bytes
  // The worker writes:
  std::uint64_t open = 0;     // 1: the thread reads the ring. Never in a thread that serves ASGI
  std::uint64_t waiting = 0;  // 1: it sleeps, or is about to, and a new record is to be announced by kBell. Who does
                              // that makes it 0
  alignas(64) std::uint64_t reading = 0;  // the position, plus one, of the record that it copies; 0: none
  std::uint64_t head = 0;                 // the edge writes it, too: it takes requests back
  // The edge writes:
  alignas(64) std::uint64_t tail = 0;
  alignas(64) char records[kSize] = {};
};
/// One for each pair of a thread and a loop, the other way round: whole answers of one small frame, which only the
/// thread writes and only the loop reads. All else goes through the channel. Between the two there is no order.
struct AnswerRing {
  static constexpr std::size_t kSize = 32 * 1024;  // bytes
  static constexpr std::size_t kLargestFrame = 8 * 1024;
  // The edge writes:
  std::uint64_t open = 0;     // 1: the loop reads the ring
  std::uint64_t waiting = 0;  // 1: a new record is to be announced by a frame of kRing. Who does that makes it 0
  alignas(64) std::uint64_t head = 0;
  // The worker writes:
  alignas(64) std::uint64_t tail = 0;
  alignas(64) char records[kSize] = {};
};
enum class RecordKind : std::uint32_t {
  message = 0,    // a message of the mailbox follows, or a frame
  in_socket = 1,  // the next request has come through the socket
  pass_over = 2,  // nothing
};
struct RecordHeader {
  std::uint32_t size = 0;  // bytes of the record, this header included; the next one begins at a multiple of 8
  RecordKind kind = RecordKind::message;
};

/// The memory that a worker shares with the edge: SharedSlot[threads], and from a page of their own on
/// RequestRing[threads] and AnswerRing[threads][loops].
class SharedMemory {
 public:
  static constexpr std::size_t size(std::size_t threads, std::size_t loops) {
    return answers_begin(threads) + threads * loops * sizeof(AnswerRing);
  }
  SharedMemory() = default;
  SharedMemory(void* bytes, std::size_t threads, std::size_t loops)
      : bytes_(static_cast<char*>(bytes)), threads_(threads), loops_(loops) {}

  SharedSlot& slot(std::size_t thread) const { return reinterpret_cast<SharedSlot*>(bytes_)[thread]; }
  RequestRing& requests(std::size_t thread) const {
    return reinterpret_cast<RequestRing*>(bytes_ + requests_begin(threads_))[thread];
  }
  AnswerRing& answers(std::size_t thread, std::size_t loop) const {
    return reinterpret_cast<AnswerRing*>(bytes_ + answers_begin(threads_))[thread * loops_ + loop];
  }
  void* bytes() const { return bytes_; }
  std::size_t size() const { return size(threads_, loops_); }

 private:
  static constexpr std::size_t requests_begin(std::size_t threads) {
    constexpr std::size_t kPage = 4096;
    return (threads * sizeof(SharedSlot) + kPage - 1) / kPage * kPage;
  }
  static constexpr std::size_t answers_begin(std::size_t threads) {
    return requests_begin(threads) + threads * sizeof(RequestRing);
  }

  char* bytes_ = nullptr;
  std::size_t threads_ = 0;
  std::size_t loops_ = 0;
};

// ---- signals to a worker --------------------------------------------------------------------------------------

/// Offsets from SIGRTMIN as the C library counts it (34).
/// The worker writes the stacks of its threads, in the format of faulthandler, to the pipe that came with kFork, and
/// kStacksEnd behind them. Whatever its threads do: the handler takes no lock.
inline constexpr int kStacksSignal = 34 + 20;
/// Every thread whose slot has interrupted == running raises what `reason` says.
inline constexpr int kInterruptSignal = 34 + 21;
inline constexpr char kStacksEnd = '\0';

// ---- control -------------------------------------------------------------------------------------------------

/// Every control message: this header, then `size` bytes of text. One seqpacket message each, at most kMaxControl.
enum class ControlKind : std::uint32_t {
  // edge -> zygote
  kWorkerThread = 1,  // descriptors: mailbox (worker's end), then one answers channel for each loop. `worker`, `thread`
  kFork = 2,          // descriptors: the memfd of SharedMemory, the pipe for stacks. Fork `worker` with the
                      // threads sent before
  kStop = 3,          // fork no more; end when the last worker has ended
  kAskChanged = 4,    // has a file of the app changed since its import began?
  // zygote -> edge
  kImported = 16,      // ready to fork; text: warnings, a line each
  kImportFailed = 17,  // text: the traceback or the list of candidates; the zygote ends
  kForked = 18,        // `worker`, `pid`
  kExited = 19,        // `worker`, `pid`, `value`: the wait status; pid 0: it could not be forked
  kChanged = 20,       // answers kAskChanged; text: a file that changed, appeared or went, or nothing
  // worker -> edge
  kReady = 32,         // `worker`, `pid`: every thread reads its mailbox; `value`: the Interface
  kLog = 33,           // `pid`; text: request id, a NUL, then what the app wrote to wsgi.errors; whole lines or a part
  kWorkerFailed = 34,  // `worker`, `pid`; text: why it cannot serve: the import failed in the worker (preload: false),
                       // or the app's lifespan startup did
  // whoever imported the app -> edge, before kImported or kReady, where SETTINGS ask for it
  kStaticFolders = 48,  // folders of files that the app has. Texts that each end with a NUL: the warnings, a line each;
                        // then for each folder its URL (without a slash at its beginning: below the app's mount), its
                        // path, and "hashed" when names with a hash in them change with their content, or nothing
};
/// What the app speaks.
enum Interface : std::int32_t { kWsgi = 0, kAsgi = 1 };
struct ControlHeader {
  ControlKind kind = ControlKind::kStop;
  std::uint32_t worker = 0;  // number of the worker within the app, from 0
  std::uint32_t thread = 0;
  std::int32_t pid = 0;
  std::int32_t value = 0;
  std::uint32_t size = 0;  // bytes of text after this header
};
inline constexpr std::size_t kMaxControl = 32 * 1024;

}  // namespace edge::wire
