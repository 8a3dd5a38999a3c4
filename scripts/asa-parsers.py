#!/usr/bin/env python3
"""Feeds `tollgate show version` to the parsers that network automation runs against real units.

    scripts/asa-parsers.py VERSION.txt VERSION.json

compares every licence line of the text, as ntc-templates (cisco_asa) and pyATS/Genie read it, with
the same command's JSON. The parsers are used as they are installed. The head of the output (host
name, uptime, hardware), which Genie insists on, is not Tollgate's to print and is put before it
here.
"""

import json
import sys

from genie.libs.parser.asa.show_version import ShowVersion
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


def main():
    with open(sys.argv[1], encoding="utf-8") as text, open(sys.argv[2], encoding="utf-8") as file:
        text, ours = text.read(), json.load(file)
    features = {line["name"]: line for line in ours["features"]}
    hardware = next(line.split()[1] for line in text.splitlines() if line.startswith("Hardware:"))
    whole = HEAD.format(hardware=hardware) + text.split("\n\n", 2)[2]
    wrong = ntc(text, ours, features) + genie(whole, ours, features)
    for line in wrong:
        print(line)
    sys.exit(bool(wrong))


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
