/*
 * A flow table that several packet threads share, under the limits of a firewall's licence.
 *
 *   flowtable [CONNECTIONS [THREADS]]
 *
 * Every packet finds its slot in the table. A free slot begins a flow, which asks to be admitted; an
 * occupied one ends its flow, whichever thread began it. Meanwhile the licence changes, and at the
 * end all sums have to agree. Exits with 1 where one does not.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tollgate.h"

/* More slots than connections are allowed, so that some are refused. */
enum { SLOTS = 1 << 14, STRIPES = 1 << 10, BURST = 32, MOST_THREADS = 256 };

static const uint32_t ALLOWED[] = { 12000, 7000, 5000 };
enum { LICENCES = sizeof ALLOWED / sizeof ALLOWED[0] };

static struct {
    pthread_mutex_t locks[STRIPES];
    tg_token tokens[SLOTS]; /* all zeroes is TG_NO_TOKEN: free */
} table;

/* Flows that are in use, counted independently: after admission, and until before the release. */
static atomic_int_fast64_t alive;
static atomic_bool over;
static atomic_bool done;

struct thread {
    pthread_t id;
    tg_worker *worker;
    uint64_t random;
    uint64_t wanted; /* connections that this thread is to admit */
    uint64_t admitted, released, refused, sessions;
};

static void check(tg_status status, const char *what)
{
    if (status != TG_STATUS_OK) {
        const char *why = status < 0 ? tg_last_error() : "";
        fprintf(stderr, "%s: %s: %s\n", what, tg_strerror(status), why);
        exit(1);
    }
}

/* xorshift64, by Marsaglia. */
static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void came(int64_t flows)
{
    if (atomic_fetch_add(&alive, flows) + flows > ALLOWED[0])
        atomic_store(&over, true);
}

static void ends(int64_t flows)
{
    atomic_fetch_sub(&alive, flows);
}

static void packet(struct thread *thread, size_t slot)
{
    pthread_mutex_t *lock = &table.locks[slot % STRIPES];
    pthread_mutex_lock(lock);
    tg_token *token = &table.tokens[slot];
    if (token->bits != 0) {
        ends(1);
        check(tg_release(thread->worker, *token), "tg_release");
        *token = TG_NO_TOKEN;
        thread->released++;
    } else {
        tg_refusal why;
        tg_status status = tg_admit(thread->worker, TG_KIND_CONNECTION, token, &why);
        if (status == TG_STATUS_REFUSED && why.limit == TG_LIMIT_FIREWALL_CONNS) {
            thread->refused++;
        } else {
            check(status, "tg_admit");
            came(1);
            thread->admitted++;
        }
    }
    pthread_mutex_unlock(lock);
}

/* A scan: many connections at once, and all over at once. */
static void burst(struct thread *thread)
{
    tg_token tokens[BURST];
    size_t count;
    tg_status status =
        tg_admit_up_to(thread->worker, TG_KIND_CONNECTION, tokens, BURST, &count, NULL);
    if (status == TG_STATUS_REFUSED)
        thread->refused++;
    else
        check(status, "tg_admit_up_to");
    came((int64_t)count);
    ends((int64_t)count);
    check(tg_release_all(thread->worker, tokens, count), "tg_release_all");
    thread->admitted += count;
    thread->released += count;
}

/* A VPN session takes a unit of several limits at once. */
static void session(struct thread *thread)
{
    tg_token token;
    tg_status status = tg_admit(thread->worker, TG_KIND_IKEV2_L2L, &token, NULL);
    if (status == TG_STATUS_REFUSED)
        return;
    check(status, "tg_admit");
    check(tg_release(thread->worker, token), "tg_release");
    thread->sessions++;
}

static void *packets(void *argument)
{
    struct thread *thread = argument;
    while (thread->admitted < thread->wanted) {
        uint64_t random = next(&thread->random);
        packet(thread, random % SLOTS);
        if (random >> 58 == 0)
            burst(thread);
        if (random >> 54 == 1)
            session(thread);
    }
    return NULL;
}

static tg_license *licence(uint32_t connections)
{
    tg_unit *unit;
    tg_license *license;
    char units[16];
    snprintf(units, sizeof units, "%" PRIu32, connections);
    check(tg_unit_new("ASA 5520", &unit), "tg_unit_new");
    check(tg_unit_set(unit, "firewall-conns", units), "tg_unit_set");
    check(tg_license_of(unit, &license), "tg_license_of");
    tg_unit_free(unit);
    return license;
}

/* The operator: changes the licence while packets come, and looks at what is in use. */
static void *operate(void *argument)
{
    const tg_gate *gate = argument;
    for (unsigned turn = 0; !atomic_load(&done); turn++) {
        tg_license *license = licence(ALLOWED[turn % LICENCES]);
        check(tg_gate_publish(gate, license), "tg_gate_publish");
        tg_license_free(license);
        tg_usage usage;
        check(tg_gate_usage(gate, TG_LIMIT_FIREWALL_CONNS, &usage), "tg_gate_usage");
        if (usage.units != ALLOWED[turn % LICENCES])
            atomic_store(&over, true);
    }
    return NULL;
}

static uint64_t end_what_is_left(tg_worker *worker)
{
    uint64_t ended = 0;
    for (size_t slot = 0; slot < SLOTS; slot++) {
        if (table.tokens[slot].bits == 0)
            continue;
        ends(1);
        check(tg_release(worker, table.tokens[slot]), "tg_release");
        ended++;
    }
    return ended;
}

static void expect(bool holds, const char *what, bool *all)
{
    if (!holds) {
        fprintf(stderr, "flowtable: not so: %s\n", what);
        *all = false;
    }
}

/* One worker, while nobody else asks: as many are admitted as the licence allows, no fewer and no
   more, and all of them end. */
static bool fills(const tg_gate *gate, struct thread *sum)
{
    tg_worker *worker;
    size_t count = 0;
    bool all = true;
    check(tg_worker_new(gate, &worker), "tg_worker_new");
    while (count < SLOTS &&
           tg_admit(worker, TG_KIND_CONNECTION, &table.tokens[count], NULL) == TG_STATUS_OK) {
        came(1);
        count++;
    }
    expect(count == ALLOWED[0], "a worker alone fills the gate to its limit", &all);
    for (size_t slot = 0; slot < count; slot++) {
        ends(1);
        check(tg_release(worker, table.tokens[slot]), "tg_release");
        table.tokens[slot] = TG_NO_TOKEN;
    }
    sum->admitted += count;
    sum->released += count;
    sum->refused += count < SLOTS;
    tg_worker_free(worker);
    return all;
}

/* Compares what the threads counted with what the gate says. */
static bool agrees(const tg_gate *gate, const struct thread *sum, uint64_t left)
{
    tg_usage conns, vpn;
    tg_audit audit;
    bool all = true;
    check(tg_gate_usage(gate, TG_LIMIT_FIREWALL_CONNS, &conns), "tg_gate_usage");
    check(tg_gate_usage(gate, TG_LIMIT_TOTAL_VPN, &vpn), "tg_gate_usage");
    check(tg_gate_audit(gate, &audit), "tg_gate_audit");
    expect(sum->admitted == sum->released + left, "what began has ended", &all);
    expect(conns.admitted == sum->admitted, "connections admitted agree", &all);
    expect(conns.refused == sum->refused, "connections refused agree", &all);
    expect(vpn.admitted == sum->sessions, "sessions admitted agree", &all);
    expect(conns.in_use == 0 && vpn.in_use == 0 && atomic_load(&alive) == 0, "none is left", &all);
    expect(conns.peak <= ALLOWED[0], "the peak is within the largest limit", &all);
    expect(!atomic_load(&over), "never over the limit, and the licence is the last one", &all);
    expect(audit.is_clean && audit.is_idle && audit.at_rest, "the audit is clean", &all);
    return all;
}

int main(int argc, char **argv)
{
    uint64_t connections = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 10) : 4;
    if (connections == 0 || count == 0 || count > MOST_THREADS) {
        fprintf(stderr, "usage: flowtable [CONNECTIONS [THREADS]]\n");
        return 2;
    }
    for (size_t stripe = 0; stripe < STRIPES; stripe++)
        pthread_mutex_init(&table.locks[stripe], NULL);

    tg_gate *gate;
    tg_license *license = licence(ALLOWED[0]);
    check(tg_gate_new(license, &gate), "tg_gate_new");
    tg_license_free(license);

    struct thread sum = { 0 };
    bool all = fills(gate, &sum);
    all = fills(gate, &sum) && all;

    static struct thread threads[MOST_THREADS];
    for (unsigned long i = 0; i < count; i++) {
        threads[i].random = 0x9e3779b97f4a7c15u * (i + 1);
        threads[i].wanted = connections / count + (i < connections % count);
        check(tg_worker_new(gate, &threads[i].worker), "tg_worker_new");
        if (pthread_create(&threads[i].id, NULL, packets, &threads[i]) != 0)
            return 1;
    }
    pthread_t operator_id;
    if (pthread_create(&operator_id, NULL, operate, gate) != 0)
        return 1;

    for (unsigned long i = 0; i < count; i++) {
        pthread_join(threads[i].id, NULL);
        sum.admitted += threads[i].admitted;
        sum.released += threads[i].released;
        sum.refused += threads[i].refused;
        sum.sessions += threads[i].sessions;
        tg_worker_free(threads[i].worker); /* its tokens stay valid */
    }
    atomic_store(&done, true);
    pthread_join(operator_id, NULL);

    tg_worker *last;
    check(tg_worker_new(gate, &last), "tg_worker_new");
    uint64_t left = end_what_is_left(last);
    tg_worker_free(last);
    all = agrees(gate, &sum, left) && all;
    tg_gate_free(gate);
    printf("%" PRIu64 " connections admitted, %" PRIu64 " refused, %" PRIu64 " sessions: %s\n",
           sum.admitted, sum.refused, sum.sessions, all ? "all sums agree" : "SUMS DIFFER");
    return all ? 0 : 1;
}
