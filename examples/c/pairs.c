/*
 * Admits and releases one connection, so many times: what scripts/capi-cost measures.
 *
 *   pairs COUNT [burst]
 *
 * With `burst`, 32 at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tollgate.h"

enum { BURST = 32 };

static int fail(tg_status status)
{
    fprintf(stderr, "pairs: %s: %s\n", tg_strerror(status), tg_last_error());
    return 1;
}

int main(int argc, char **argv)
{
    unsigned long long count = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    bool in_bursts = argc > 2 && strcmp(argv[2], "burst") == 0;
    tg_unit *unit;
    tg_license *license;
    tg_gate *gate;
    tg_worker *worker;
    tg_status status;
    if ((status = tg_unit_new("ASA 5585-X with SSP-60", &unit)) != TG_STATUS_OK ||
        (status = tg_license_of(unit, &license)) != TG_STATUS_OK ||
        (status = tg_gate_new(license, &gate)) != TG_STATUS_OK ||
        (status = tg_worker_new(gate, &worker)) != TG_STATUS_OK)
        return fail(status);
    tg_unit_free(unit);
    tg_license_free(license);

    tg_token tokens[BURST];
    size_t admitted;
    for (unsigned long long i = 0; !in_bursts && i < count; i++) {
        if ((status = tg_admit(worker, TG_KIND_CONNECTION, tokens, NULL)) != TG_STATUS_OK)
            return fail(status);
        tg_release(worker, tokens[0]);
    }
    for (unsigned long long i = 0; in_bursts && i < count; i += BURST) {
        status = tg_admit_up_to(worker, TG_KIND_CONNECTION, tokens, BURST, &admitted, NULL);
        if (status != TG_STATUS_OK)
            return fail(status);
        tg_release_all(worker, tokens, admitted);
    }
    tg_worker_free(worker);
    tg_gate_free(gate);
    return 0;
}
