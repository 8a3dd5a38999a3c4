#!/usr/bin/env python3
"""Feeds Tollgate's displays to the parsers that network automation runs against real units.

    scripts/asa-parsers.py VERSION.txt VERSION.json
    scripts/asa-parsers.py USAGE.jsonl

compares every licence line of `tollgate show version`, those of the failover block too, as
ntc-templates (cisco_asa) and pyATS/Genie read it, with the same command's JSON; and every figure of
`show UNIT resource-usage` and `show UNIT vpn-sessiondb` in the output of `tollgate sim --json`.

The parsers are used as they are installed. The head of `show version` (host name, uptime,
hardware), which Genie insists on, is not Tollgate's to print and is put before it here.
"""

import json
import sys

from genie.libs.parser.asa.show_resource import ShowResourceUsage
from genie.libs.parser.asa.show_version import ShowVersion
from genie.libs.parser.asa.show_vpn_sessiondb import ShowVPNSessionDBSummary
from ntc_templates.parse import parse_output

HEAD = """\
Cisco Adaptive Security Appliance Software Version 9.1(7)
Device Manager Version 7.8(2)

Compiled on Tue 20-Aug-19 12:46 PDT by builders
System image file is "disk0:/image.bin"
Config file at boot was "startup-config"

firewall up 1 day 12 hours

Hardware:   {hardware}, 2048 MB RAM, CPU Pentium 4 Celeron 2000 MHz,

"""

# What Genie calls a line. It reads no other line of a unit with terms: its patterns for `Carrier`,
# `Total TLS Proxy Sessions` and `Cluster` end before the term, and the rest it does not have.
GENIE = {
    "Maximum Physical Interfaces": "max_physical_interfaces",
    "Maximum VLANs": "max_vlans",
    "Inside Hosts": "inside_hosts",
    "Failover": "failover",
    "Encryption-DES": "crypto_des",
    "Encryption-3DES-AES": "crypto_3des_aes",
    "Security Contexts": "security_contexts",
    "GTP/GPRS": "gtp_gprs",
    "AnyConnect Premium Peers": "anyconnect_premium_peers",
    "AnyConnect Essentials": "anyconnect_essentials",
    "Other VPN Peers": "other_vpn_peers",
    "Total VPN Peers": "total_vpn_peers",
    "Shared License": "shared_license",
    "Shared AnyConnect Premium Peers": "shared_anyconnect_premium_peers",
    "AnyConnect for Mobile": "anyconnect_for_mobile",
    "AnyConnect for Cisco VPN Phone": "anyconnect_for_cisco_vpn_phone",
    "Advanced Endpoint Assessment": "advanced_endpoint_assessment",
    "UC Phone Proxy Sessions": "uc_phone_proxy_sessions",
    "Total UC Proxy Sessions": "total_uc_proxy_sessions",
    "Botnet Traffic Filter": "botnet_traffic_filter",
    "Intercompany Media Engine": "intercompany_media_engine",
}
UNREAD_BY_GENIE = {
    "Carrier",
    "Total TLS Proxy Sessions",
    "Cluster",
    "Cluster Members",
    "IPS Module",
    "VPN Load Balancing",
}

# Lines that real units print and the template of ntc-templates refuses.
REFUSED_BY_NTC = ("Running Timebased Activation Key", " Shared AnyConnect Premium Peers")

NTC = {
    "Maximum Physical Interfaces": "max_intf",
    "Maximum VLANs": "max_vlans",
    "Failover": "failover",
    "Cluster": "cluster",
}


# The lines of `show vpn-sessiondb` that a parser leaves out or takes for another.
SESSIONS_UNREAD_BY_GENIE = {"IKEv1 IPsec"}
SESSIONS_REFUSED_BY_NTC = "IKEv1 IPsec/L2TP IPsec"
TUNNELS_UNREAD_BY_GENIE = {"IKEv1", "IKEv2"}

FAILOVER = "\nFailover cluster licensed features for this platform:\n"


def main():
    wrong = version(*sys.argv[1:]) if len(sys.argv) > 2 else usage(sys.argv[1])
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


def version(text, ours):
    with open(text, encoding="utf-8") as text, open(ours, encoding="utf-8") as file:
        text, ours = text.read(), json.load(file)
    features = {line["name"]: line for line in ours["features"]}
    hardware = next(line.split()[1] for line in text.splitlines() if line.startswith("Hardware:"))
    head, rest = HEAD.format(hardware=hardware), text.split("\n\n", 2)[2]
    own, failover, group = rest.partition(FAILOVER)
    lines, _, keys = group.partition("\n\n")
    wrong = ntc(text, ours, features)
    wrong += genie(head + own + "\n" + keys if failover else head + rest, ours, features)
    if ours["failover"]:
        features = {line["name"]: line for line in ours["failover"]["features"]}
        block = head + "Licensed features for this platform:\n" + lines + "\n\n" + keys
        wrong += genie(block, ours, features)
    return wrong


def usage(file):
    with open(file, encoding="utf-8") as lines:
        answers = [json.loads(line) for line in lines]
    wrong, shown = [], 0
    for answer in answers:
        text = "\n".join(answer["text"])
        for fact, check in (("resources", resources), ("sessions", sessions)):
            if isinstance(answer.get(fact), list):
                shown += 1
                wrong += [f"{answer['line']}: {it}" for it in check(text, answer)]
    print(f"{shown} displays of usage read")
    return wrong if shown else ["nothing shown"]


def differences(parser, pairs):
    return [f"{parser}: {name}: {its!r}, not {our!r}" for name, its, our in pairs if its != our]


def resources(text, ours):
    its = ShowResourceUsage(device=None).cli(output=text)["context"]["System"]["resource"]
    fields = ("current", "peak", "limit", "denied")
    want = {
        it["name"]: {field: it[field] for field in fields if it[field] is not None}
        for it in ours["resources"]
    }
    read = parse_output(platform="cisco_asa", command="show resource usage", data=text)
    read = [[it[field] for field in ("resource", *fields)] for it in read]
    rows = [
        [it["name"], *("N/A" if it[field] is None else str(it[field]) for field in fields)]
        for it in ours["resources"]
    ]
    return differences("genie", [("resources", its, want)]) + differences(
        "ntc-templates", [("resources", read, rows)]
    )


def sessions(text, ours):
    lines = [it for it in text.splitlines() if not it.startswith(SESSIONS_REFUSED_BY_NTC)]
    (read,) = parse_output(
        platform="cisco_asa", command="show vpn-sessiondb", data="\n".join(lines)
    )
    fields = {"name": "name", "active": "active", "cumulative": "cumulative"}
    fields["peak_concurrent"] = "peak"
    pairs = []
    for table, prefix in (("sessions", "vpn_session"), ("tunnels", "tunnels_summary")):
        rows = [it for it in ours[table] if it["name"] != SESSIONS_REFUSED_BY_NTC]
        for theirs, field in fields.items():
            want = [str(row[field]) for row in rows]
            pairs.append((f"{table} {field}", read[f"{prefix}_{theirs}"], want))
    totals = {
        "total_active_and_inactive": "active",
        "total_cumulative": "cumulative",
        "device_total_vpn_capacity": "capacity",
        "device_load_percent": "load_percent",
    }
    pairs += [(it, read[it], str(ours[field])) for it, field in totals.items()]
    wrong = differences("ntc-templates", pairs)
    # Genie takes it for granted that there is a session.
    return wrong + genie_sessions(text, ours) if ours["sessions"] else wrong


def genie_sessions(text, ours):
    read = ShowVPNSessionDBSummary(device=None).cli(summary="summary", output=text)["summary"]
    totals = read["VPN Session"]
    session = totals["session"]
    pairs = [
        ("active", totals["total_active_and_inactive"], ours["active"]),
        ("cumulative", totals["total_cumulative"], ours["cumulative"]),
        ("capacity", totals["device_total_vpn_capacity"], ours["capacity"]),
        ("load", totals["device_load"], ours["load_percent"] / 100),
    ]
    figures = lambda it: [it.get(field) for field in ("active", "cumulative", "peak_concurrent")]
    kind = {}
    for row in ours["sessions"]:
        if row["name"] in session:
            kind = session[row["name"]]
            its = kind
        elif row["name"] in SESSIONS_UNREAD_BY_GENIE:
            continue
        else:
            its = kind.get("type", {}).get(row["name"], {})
        pairs.append((row["name"], figures(its), [row["active"], row["cumulative"], row["peak"]]))
    tunnels = read.get("Tunnels", {}).get("session", {})
    for row in ours["tunnels"]:
        if row["name"] not in TUNNELS_UNREAD_BY_GENIE:
            want = [row["active"], row["cumulative"], row["peak"]]
            pairs.append((row["name"], figures(tunnels.get(row["name"], {})), want))
    return differences("genie", pairs)


def ntc(text, ours, features):
    lines = [line for line in text.splitlines() if not line.startswith(REFUSED_BY_NTC)]
    (read,) = parse_output(platform="cisco_asa", command="show version", data="\n".join(lines))
    pairs = [(name, read[field], features[name]["value"]) for name, field in NTC.items()]
    pairs.append(("Serial Number", read["serial"], [ours["serial"]]))
    print(f"ntc-templates: {len(lines)} lines read, {len(pairs)} fields compared")
    return [f"ntc-templates: {name}: {its!r}, not {our!r}" for name, its, our in pairs if its != our]


def genie(text, ours, features):
    read = ShowVersion(device=None).cli(output=text)["version"]
    wrong, compared = [], 0
    for name, line in features.items():
        if name in UNREAD_BY_GENIE:
            continue
        compared += 1
        its = read["licensed_features"].get(GENIE[name], {})
        for field, our in (("status", line["value"]), ("time_remaining", line["term"])):
            its_value = str(its.get(field))
            if its_value.lower() != our.lower():
                wrong.append(f"genie: {name}: {field} {its_value!r}, not {our!r}")
    if read["serial_number"] != ours["serial"]:
        wrong.append(f"genie: serial number {read['serial_number']!r}")
    print(f"genie: {compared} of {len(features)} licence lines compared, value and term")
    return wrong


if __name__ == "__main__":
    main()
