/*
 * Tollgate: lock-free admission control that enforces licensed limits on a firewall's data plane.
 *
 * Control plane: a unit (model, licences, settings) or its file, a licence that says what is in
 * force on it, and a gate that enforces that. Data plane: one worker a packet thread, one token of
 * eight bytes an admitted flow. docs/embedding.md has the whole story, examples/c a program.
 *
 * What every call expects of its pointers: each is null or one that this interface gave out or that
 * points to such a thing of the caller's, and is alive; what is not `const` is used by nobody else
 * during the call, and no two arguments overlap. A null pointer that is needed is answered with
 * TG_STATUS_NULL_POINTER. What tg_*_new, tg_license_of and tg_license_open give out is freed once,
 * by the tg_*_free of its type; where one of them fails, it gives out null.
 *
 * Threads: a gate and a licence may be used by all threads at once; a unit by one at a time; a
 * worker by the one thread that it belongs to. A worker keeps its gate, so the order in which they
 * are freed does not matter. No call throws or unwinds into C.
 *
 * Made by cbindgen: do not edit.
 */


#ifndef TOLLGATE_H
#define TOLLGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One packet thread's handle on a gate. It belongs to the thread that first admits or gives back
// on it: no other one may. A debug build of the library ends the process where another one does.
typedef struct tg_worker tg_worker;


// How many limits there are.
#define TG_LIMITS 15

// What a call answers. Negative: nothing was done.
enum tg_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It was done.
    TG_STATUS_OK = 0,
    // A limit had no room. Not a failure: this is the verdict.
    TG_STATUS_REFUSED = 1,
    // A pointer that is needed is null.
    TG_STATUS_NULL_POINTER = -1,
    // A text that names no model, feature, setting or value, or is not UTF-8; tg_last_error() says
    // what there is instead.
    TG_STATUS_NOT_UNDERSTOOD = -2,
    // No kind has this number.
    TG_STATUS_NO_SUCH_KIND = -3,
    // No limit has this number.
    TG_STATUS_NO_SUCH_LIMIT = -4,
    // No admission gives out such a token; an empty one, where a unit was to be given back.
    TG_STATUS_BAD_TOKEN = -5,
    // A gate cannot run a licence for another model; make a new gate.
    TG_STATUS_OTHER_MODEL = -6,
    // The unit's file could not be read; tg_last_error() says why.
    TG_STATUS_FILE = -7,
    // This library was built without the feature for it.
    TG_STATUS_NOT_BUILT = -8,
    // A host's family or zone is none.
    TG_STATUS_BAD_HOST = -9,
    // A fault in this library, which it caught; tg_last_error() says where.
    TG_STATUS_PANICKED = -10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_status tg_status;
#else
typedef int32_t tg_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What asks to be admitted. Functions take the number, so that one that is none is answered and
// not undefined.
enum tg_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // A firewall connection.
    TG_KIND_CONNECTION = 0,
    // An AnyConnect client session (SSL).
    TG_KIND_ANYCONNECT,
    // An AnyConnect client session (IPsec IKEv2 remote access).
    TG_KIND_ANYCONNECT_IKEV2,
    // A browser-based (clientless) SSL VPN session.
    TG_KIND_CLIENTLESS,
    // An IPsec remote access session with IKEv1.
    TG_KIND_IKEV1_RA,
    // An IPsec site-to-site session with IKEv1.
    TG_KIND_IKEV1_L2L,
    // An IPsec site-to-site session with IKEv2.
    TG_KIND_IKEV2_L2L,
    // A TLS proxy session of Phone Proxy.
    TG_KIND_PHONE_PROXY,
    // A TLS proxy session of Presence Federation Proxy.
    TG_KIND_PRESENCE_FEDERATION,
    // A TLS proxy session of Encrypted Voice Inspection.
    TG_KIND_ENCRYPTED_VOICE,
    // A TLS proxy session of Mobility Advantage Proxy.
    TG_KIND_MOBILITY_ADVANTAGE,
    // A TLS proxy session of the Intercompany Media Engine.
    TG_KIND_IME,
    // A call whose media is encrypted or decrypted here.
    TG_KIND_SRTP,
    // A call whose media is passed through: never counted.
    TG_KIND_SRTP_PASSTHROUGH,
    // An interface without a VLAN.
    TG_KIND_INTERFACE,
    // An interface with a VLAN.
    TG_KIND_VLAN,
    // A VLAN trunk.
    TG_KIND_TRUNK,
    // A security context.
    TG_KIND_CONTEXT,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_kind tg_kind;
#else
typedef uint32_t tg_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What is limited. The order is that of reports.
enum tg_limit
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Firewall connections, concurrent.
    TG_LIMIT_FIREWALL_CONNS = 0,
    // Inside hosts, concurrent (ASA 5505): hosts, not their connections.
    TG_LIMIT_INSIDE_HOSTS,
    // AnyConnect sessions of every type.
    TG_LIMIT_ANYCONNECT,
    // Browser-based (clientless) sessions among them.
    TG_LIMIT_CLIENTLESS,
    // Other VPN sessions.
    TG_LIMIT_OTHER_VPN,
    // VPN sessions of all types together.
    TG_LIMIT_TOTAL_VPN,
    // TLS proxy sessions that count against the UC licence.
    TG_LIMIT_UC_PROXY,
    // Phone Proxy sessions among them.
    TG_LIMIT_PHONE_PROXY,
    // TLS proxy sessions of every application.
    TG_LIMIT_TLS_PROXY,
    // Intercompany Media Engine sessions among them.
    TG_LIMIT_IME,
    // SRTP encryption sessions.
    TG_LIMIT_SRTP,
    // Interfaces of all types.
    TG_LIMIT_INTERFACES,
    // Interfaces that have a VLAN.
    TG_LIMIT_VLANS,
    // VLAN trunks.
    TG_LIMIT_VLAN_TRUNKS,
    // Security contexts.
    TG_LIMIT_CONTEXTS,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_limit tg_limit;
#else
typedef uint32_t tg_limit;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How much a limit allows. Zero, unlimited, disabled and not supported are four things.
enum tg_allowance
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The model cannot do it, whatever licence is bought: nothing is admitted.
    TG_ALLOWANCE_NOT_SUPPORTED = 0,
    // No licence for it is in force: nothing is admitted.
    TG_ALLOWANCE_DISABLED,
    // At most so many units at once.
    TG_ALLOWANCE_LIMITED,
    // Counted, without a limit.
    TG_ALLOWANCE_UNLIMITED,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_allowance tg_allowance;
#else
typedef uint32_t tg_allowance;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// The parts of a clientless session.
enum tg_part
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // The portal in the browser, which is open when the session is admitted.
    TG_PART_PORTAL = 0,
    // The AnyConnect client that was started from the portal.
    TG_PART_CLIENT,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tg_part tg_part;
#else
typedef uint32_t tg_part;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Admission control for one firewall. Any number of threads may use it at once.
typedef struct tg_gate tg_gate;

// What is in force on a unit, with the reason for every figure. Nothing changes it, so any number
// of threads may use it at once.
typedef struct tg_license tg_license;

// A unit: model and tier, licences, settings. One thread at a time.
typedef struct tg_unit tg_unit;

// One admitted unit, in eight bytes for a flow entry. Plain data: copy it, keep it, give it back
// once, on any worker of the gate that admitted it. All zeroes is no token (TG_NO_TOKEN), so an
// entry that was cleared holds none.
typedef struct {
    // Nobody's business but the library's.
    uint64_t bits;
} tg_token;

// Why something was not admitted. tg_gate_why tells where the allowance came from.
typedef struct {
    // What asked.
    tg_kind kind;
    // The limit that had no room.
    tg_limit limit;
    // What the limit allows.
    tg_allowance allowance;
    // How many units, where that is TG_ALLOWANCE_LIMITED; else 0.
    uint32_t units;
} tg_refusal;

// One end of a connection.
typedef struct {
    // The address in network order; of an IPv4 address the first four bytes.
    uint8_t address[16];
    // 4 or 6.
    uint8_t family;
    // 0 on any interface but the outside one, 1 on the interface of the default route.
    uint8_t zone;
} tg_host;

// One limit at one moment. Exact while nothing is admitted or given back.
typedef struct {
    // What the limit allows.
    tg_allowance allowance;
    // How many units, where that is TG_ALLOWANCE_LIMITED; else 0.
    uint32_t units;
    // Units in use.
    uint64_t in_use;
    // The most units that are known to have been in use at once.
    uint64_t peak;
    // Units admitted since the start.
    uint64_t admitted;
    // Admissions that this limit refused since the start; a burst that was cut short is one.
    uint64_t refused;
} tg_usage;

// The two books of one limit: its own word, and what the workers counted.
typedef struct {
    // The limit.
    tg_limit limit;
    // Units free by the limit's own word; negative is debt.
    int64_t free;
    // Units in use by the limit's own word.
    int64_t held;
    // Units in use by what the workers counted.
    int64_t counted;
} tg_audit_line;

// What an audit found.
typedef struct {
    // Whether the books agree and nothing was given back that was not in use.
    bool is_clean;
    // Whether nothing is in use.
    bool is_idle;
    // Whether nothing moved while the books were read: else a difference may be of what a worker
    // was counting just then.
    bool at_rest;
    // How many units of what was not in use were given back.
    uint64_t excess_releases;
    // Inside hosts in the map beyond what the word holds; 0 when they agree.
    int64_t host_drift;
    // How many of the lines there are.
    size_t count;
    // The limits that the gate counts.
    tg_audit_line lines[TG_LIMITS];
} tg_audit;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What a status means, in a few words. Never null; the text is there for ever. A number that is no
// status is said to be none.
const char *tg_strerror(int32_t status);

// Why the last call of this thread failed that is not tg_admit…, tg_release… or about tokens: what
// was wrong, and what there is instead. Empty where none has. Never null; the text stays until the
// next such call of this thread fails.
const char *tg_last_error(void);

// The version of this library. The text is there for ever.
const char *tg_version(void);

// Makes a unit as shipped: `model` is `MODEL[/TIER][ (GUIDE)]` by the guides' names, for instance
// "ASA 5520" or "5510/security-plus". Free it with tg_unit_free.
//
// TG_STATUS_NOT_UNDERSTOOD where there is no such model, tier or guide; *unit is null then.
//
// # Safety
//
// `model` is a text that ends with a zero, or null.
tg_status tg_unit_new(const char *model, tg_unit **unit);

// Adds a permanent licence, for instance "anyconnect-premium" and "250". Of two for one feature
// the larger counts.
//
// TG_STATUS_NOT_UNDERSTOOD where there is no such feature or value, or the model's table has no
// such licence; the unit is unchanged then.
//
// # Safety
//
// `feature` and `value` are texts that end with a zero, or null.
tg_status tg_unit_add(tg_unit *unit, const char *feature, const char *value);

// Configures a unit: a setting, for instance "mode" and "transparent", or the name of a limit for
// the operator's own, lower one.
//
// TG_STATUS_NOT_UNDERSTOOD where there is no such setting, or it does not take the value; the unit
// is unchanged then.
//
// # Safety
//
// `key` and `value` are texts that end with a zero, or null.
tg_status tg_unit_set(tg_unit *unit, const char *key, const char *value);

// Frees a unit. Licences that were computed from it stay. Null is nothing to free.
void tg_unit_free(tg_unit *unit);

// Computes what is in force on a unit. Free it with tg_license_free; a gate that runs it keeps
// what it needs.
tg_status tg_license_of(const tg_unit *unit, tg_license **license);

// Reads what is in force from a unit's file, with its keys, its configuration and its failover
// group, as of now. The file is only read, and left to others.
//
// TG_STATUS_FILE where it cannot be read, TG_STATUS_NOT_BUILT where the library was built without
// the feature `store`; *license is null then.
//
// # Safety
//
// `path` is a text that ends with a zero, or null.
tg_status tg_license_open(const char *path, tg_license **license);

// Frees a licence. Null is nothing to free.
void tg_license_free(tg_license *license);

// Makes a gate that runs `license`, with nothing in use. Free it with tg_gate_free.
tg_status tg_gate_new(const tg_license *license, tg_gate **gate);

// Puts `license` in force while traffic flows. When it returns, nothing is admitted beyond the new
// limits; what was admitted before stays, and a limit below use admits nothing until enough has
// been given back.
//
// TG_STATUS_OTHER_MODEL where it is for another model; the one before stays in force then.
tg_status tg_gate_publish(const tg_gate *gate, const tg_license *license);

// Reads a unit's file again and puts what it says in force: tg_license_open, then tg_gate_publish.
//
// # Safety
//
// `path` is a text that ends with a zero, or null.
tg_status tg_gate_reload(const tg_gate *gate, const char *path);

// Whether connections are to be admitted with their hosts on this model (tg_admit_connection).
// False for null.
bool tg_gate_counts_hosts(const tg_gate *gate);

// Whether packet threads pay for a full fence at every connection, because this process may not
// use membarrier(2). False for null.
bool tg_gate_pays_for_fences(const tg_gate *gate);

// Frees a handle on a gate. Its workers keep the gate, and tokens stay valid on them. Null is
// nothing to free.
void tg_gate_free(tg_gate *gate);

// The name of an enum tg_kind on the command line and in scenarios, there for ever; null where no
// kind has this number.
const char *tg_kind_name(uint32_t kind);

// The name of an enum tg_limit on the command line and in scenarios, there for ever; null where no
// limit has this number.
const char *tg_limit_name(uint32_t limit);

// Makes a worker for one packet thread; any thread may make it. Free it with tg_worker_free.
tg_status tg_worker_new(const tg_gate *gate, tg_worker **worker);

// Frees a worker, on any thread, when its own no longer uses it. What it counted stays counted,
// and tokens that it admitted stay valid on the gate's other workers. Null is nothing to free.
void tg_worker_free(tg_worker *worker);

// Admits one `kind` (enum tg_kind) on the thread's own worker.
//
// TG_STATUS_OK: *token holds a unit until it is given back. TG_STATUS_REFUSED: a limit has no
// room, nothing has changed, and *refusal says which limit, unless refusal is null. A connection
// counts as a connection only; where tg_gate_counts_hosts, use tg_admit_connection.
tg_status tg_admit(tg_worker *worker, uint32_t kind, tg_token *token, tg_refusal *refusal);

// What TOLLGATE_INLINE calls where a unit was taken and the share was closed meanwhile.
tg_status tg_inline1_admit_after(tg_worker *worker, tg_token *token, tg_refusal *refusal);

// What TOLLGATE_INLINE calls where a unit was given back and the share was closed meanwhile.
tg_status tg_inline1_release_after(tg_worker *worker);

// Admits a connection and, where the model limits them (ASA 5505), the inside hosts that it brings
// in; `source` opened it. Elsewhere the hosts are not looked at, and may be null.
//
// Answers as tg_admit does; TG_STATUS_BAD_HOST where a family or a zone is none.
tg_status tg_admit_connection(tg_worker *worker,
                              const tg_host *source,
                              const tg_host *destination,
                              tg_token *token,
                              tg_refusal *refusal);

// Admits as many of `count` units of `kind` as there is room for: their tokens are in the first
// *admitted places of `tokens`, the others are left as they were.
//
// TG_STATUS_OK: all of them. TG_STATUS_REFUSED: after those that were admitted a limit had no
// room, and *refusal says which, unless refusal is null. Connections far below their limit are
// admitted in one step.
//
// # Safety
//
// `tokens` has room for `count` tokens, which nobody else uses during the call.
tg_status tg_admit_up_to(tg_worker *worker,
                         uint32_t kind,
                         tg_token *tokens,
                         size_t count,
                         size_t *admitted,
                         tg_refusal *refusal);

// Gives back what `token` holds, whichever worker of the same gate admitted it, on the thread's
// own worker.
//
// Give back what was admitted, once. A release build notices a second time where nothing of the
// kind is in use, or few connections are free: it changes nothing then, and tg_gate_audit counts
// it. While many connections are free nobody can tell whether it was another worker's; then the
// audit shows it once more were given back than are in use. A debug build of the library ends the
// process at once.
// TG_STATUS_BAD_TOKEN for what no admission gives out, TG_NO_TOKEN among it; nothing changes then.
tg_status tg_release(tg_worker *worker, tg_token token);

// Gives back `count` tokens, in order, as tg_release does. TG_STATUS_BAD_TOKEN: some of them were
// none and were passed over; all others have been given back.
//
// # Safety
//
// `tokens` points to `count` tokens, which nobody changes during the call.
tg_status tg_release_all(tg_worker *worker, const tg_token *tokens, size_t count);

// A clientless session whose client has been started from its portal: still one unit. Any other
// token, and a session whose portal has ended, stays as it is.
tg_token tg_token_start_client(tg_token token);

// A part (enum tg_part) of a clientless session has ended; whether another one is left. True:
// *token is what is left of the session. False: that was the last one, or no session; *token is as
// it was, and what it holds is to be given back.
bool tg_token_end_part(tg_token *token, uint32_t part);

// The usage of one limit (enum tg_limit).
tg_status tg_gate_usage(const tg_gate *gate, uint32_t limit, tg_usage *usage);

// Checks that every unit is accounted for, while traffic flows or at rest.
tg_status tg_gate_audit(const tg_gate *gate, tg_audit *audit);

// Tells why a limit is what it is, one line a step from the model's table on, for instance
// "280000: included (9.1 guide, Table 5-3)": as much of it as `room` bytes hold with a zero at the
// end, in UTF-8.
//
// How long the text is without its zero, as snprintf does; 0 for null and for no limit.
//
// # Safety
//
// `text` has room for `room` bytes, which nobody else uses during the call; null where `room`
// is 0.
size_t tg_gate_why(const tg_gate *gate, uint32_t limit, char *text, size_t room);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TOLLGATE_H */

/* No token: what an entry holds that was cleared. */
#ifdef __cplusplus
#define TG_NO_TOKEN (tg_token{})
#else
#define TG_NO_TOKEN ((tg_token){0})
#endif

/*
 * With TOLLGATE_INLINE defined before this header is included, tg_admit and tg_release of a
 * connection far below its limit are done inline: the same steps, in the same order, as the library
 * does them, and the library for all that they do not settle. What they touch is laid out as the
 * library that this header came with has it; where another one has it otherwise the program does not
 * link, because the names below carry the layout's number.
 */
#if defined(TOLLGATE_INLINE) && defined(__GNUC__) && !defined(TG_INLINE1_CONNECTION)

/* A worker's line. Only its own thread stores to the first two; others close the door. */
struct tg_inline1_line {
    uint64_t admitted, released, base, refused, door;
};

/* The front of a tg_worker. */
struct tg_inline1_front {
    struct tg_inline1_line *line;
    int64_t most;
};

/* The token of every connection that counts no hosts, and what of a door says that it is open. */
#define TG_INLINE1_CONNECTION UINT64_C(0x7fffffffff80)
#define TG_INLINE1_DOOR UINT64_C(7)

/* Whether the door is open, behind a store: the compiler keeps the order, and who closes the door
   makes every processor keep it. */
static inline bool tg_inline1_is_open(const struct tg_inline1_line *line)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return (__atomic_load_n(&line->door, __ATOMIC_RELAXED) & TG_INLINE1_DOOR) == 0;
}

static inline tg_status tg_inline1_admit(tg_worker *worker, uint32_t kind, tg_token *token,
                                         tg_refusal *refusal)
{
    const struct tg_inline1_front *front = (const struct tg_inline1_front *)(const void *)worker;
    struct tg_inline1_line *line;
    uint64_t after, in_use;
    if (kind != TG_KIND_CONNECTION || !front || !token || !(line = front->line))
        return tg_admit(worker, kind, token, refusal);
    after = __atomic_load_n(&line->admitted, __ATOMIC_RELAXED) + 1;
    in_use = after - __atomic_load_n(&line->released, __ATOMIC_RELAXED);
    if ((int64_t)in_use > front->most)
        return tg_admit(worker, kind, token, refusal);
    __atomic_store_n(&line->admitted, after, __ATOMIC_RELAXED);
    if (!tg_inline1_is_open(line))
        return tg_inline1_admit_after(worker, token, refusal);
    token->bits = TG_INLINE1_CONNECTION;
    return TG_STATUS_OK;
}

static inline tg_status tg_inline1_release(tg_worker *worker, tg_token token)
{
    const struct tg_inline1_front *front = (const struct tg_inline1_front *)(const void *)worker;
    struct tg_inline1_line *line;
    uint64_t after;
    if (token.bits != TG_INLINE1_CONNECTION || !front || !(line = front->line))
        return tg_release(worker, token);
    after = __atomic_load_n(&line->released, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&line->released, after, __ATOMIC_RELEASE);
    if (!tg_inline1_is_open(line))
        return tg_inline1_release_after(worker);
    return TG_STATUS_OK;
}

#define tg_admit tg_inline1_admit
#define tg_release tg_inline1_release
#endif
