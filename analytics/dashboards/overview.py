"""Overview, the first dashboard of Flow Log Center (facts, section 4.2)."""

from analytics.charts import Spec, Tile
from console.texts import noop as _

from .shape import Chart, Dashboard

_IN_OUT = {"inbound": _("In"), "outbound": _("Out")}
_DIRECTIONS = {"inbound": "in", "outbound": "out"}

OVERVIEW = Dashboard(
    id="overview",
    title=_("Overview"),
    description=_("What was accepted and rejected, where the traffic goes, and who causes it."),
    charts=(
        Chart(
            id="totals",
            title=_("Totals"),
            query="""
                * | select count(1) as records,
                  sum(case when action = 'ACCEPT' then bytes else 0 end) as accepted_bytes,
                  100.0 * sum(case when action = 'REJECT' then 1 else 0 end)
                    / nullif(sum(case when action is not null then 1 else 0 end), 0) as rejected_share,
                  count(distinct "eni-id") as enis
            """,
            spec=Spec(
                "tiles",
                tiles=(
                    Tile("records", _("Records")),
                    Tile("accepted_bytes", _("Accepted traffic (in + out)"), "bytes"),
                    Tile("rejected_share", _("Rejected share of flows"), "percent"),
                    Tile("enis", _("ENIs")),
                ),
                labels={
                    "records": _("Records"),
                    "accepted_bytes": _("Accepted bytes"),
                    "rejected_share": _("Rejected share of flows (%)"),
                    "enis": _("ENIs"),
                },
            ),
            size="full",
            height="tiles",
        ),
        Chart(
            id="verdicts",
            title=_("Accepted and rejected flows"),
            query="""
                * | select __time__ - __time__ % {bucket} as time,
                  sum(case when action = 'ACCEPT' then 1 else 0 end) as accepted,
                  sum(case when action = 'REJECT' then 1 else 0 end) as rejected
                group by time order by time limit 1000
            """,
            spec=Spec(
                "line",
                x="time",
                y=("accepted", "rejected"),
                labels={"time": _("Time (UTC)"), "accepted": "ACCEPT", "rejected": "REJECT"},
            ),
        ),
        Chart(
            id="traffic",
            title=_("Inbound and outbound traffic"),
            query="""
                * | select __time__ - __time__ % {bucket} as time,
                  sum(case when direction = 'in' then bytes else 0 end) * 8 / {bucket} as inbound,
                  sum(case when direction = 'out' then bytes else 0 end) * 8 / {bucket} as outbound
                group by time order by time limit 1000
            """,
            spec=Spec(
                "area",
                unit="bps",
                x="time",
                y=("inbound", "outbound"),
                labels={"time": _("Time (UTC)"), **_IN_OUT},
                roles=_DIRECTIONS,
            ),
        ),
        Chart(
            id="enis",
            title=_("Traffic per ENI"),
            query="""
                * | select "eni-id" as eni,
                  sum(case when direction = 'in' then bytes else 0 end) as inbound,
                  sum(case when direction = 'out' then bytes else 0 end) as outbound
                group by "eni-id" having sum(bytes) > 0 order by sum(bytes) desc, eni limit 20
            """,
            spec=Spec(
                "ranking",
                unit="bytes",
                x="eni",
                y=("inbound", "outbound"),
                stacked=True,
                labels={"eni": "ENI", **_IN_OUT},
                roles=_DIRECTIONS,
            ),
            height="tall",
            note=_("Top 20"),
        ),
        Chart(
            id="talkers",
            title=_("Top talkers"),
            query="""
                * | select concat(srcaddr, ' -> ', dstaddr) as talkers, greatest(
                    sum(case when direction = 'in' then bytes else 0 end),
                    sum(case when direction = 'out' then bytes else 0 end)) as traffic
                from log where srcaddr is not null
                group by srcaddr, dstaddr order by traffic desc, srcaddr, dstaddr limit 20
            """,
            spec=Spec(
                "ranking",
                unit="bytes",
                x="talkers",
                y=("traffic",),
                labels={"talkers": _("Source -> destination"), "traffic": _("Traffic")},
            ),
            height="tall",
            note=_("Top 20; a flow that two ENIs saw counts once"),
        ),
        Chart(
            id="rejected-ports",
            title=_("Rejected flows by destination port"),
            query="""
                action: REJECT | select concat(cast(dstport as varchar), '/', case protocol
                  when 6 then 'tcp' when 17 then 'udp' when 1 then 'icmp' when 58 then 'icmpv6'
                  else cast(protocol as varchar) end) as port, count(1) as flows
                group by dstport, protocol order by flows desc, port limit 10
            """,
            spec=Spec(
                "ranking",
                x="port",
                y=("flows",),
                labels={"port": _("Destination port"), "flows": _("Rejected flows")},
                roles={"flows": "REJECT"},
            ),
            note=_("Top 10"),
        ),
        Chart(
            id="rejected-sources",
            title=_("Rejected flows by source"),
            query="""
                action: REJECT | select srcaddr, count(1) as flows, count(distinct dstport) as ports
                group by srcaddr order by flows desc, srcaddr limit 10
            """,
            spec=Spec(
                "ranking",
                x="srcaddr",
                y=("flows",),
                labels={"srcaddr": _("Source"), "flows": _("Rejected flows"), "ports": _("Distinct ports")},
                units={"ports": "count"},
                roles={"flows": "REJECT"},
            ),
            note=_("Top 10"),
        ),
        Chart(
            id="vpcs",
            title=_("Packets and bytes per VPC"),
            size="full",
            query="""
                * | select "vpc-id" as vpc, sum(packets) as total_packets, sum(bytes) as total_bytes,
                  count(1) as records
                group by "vpc-id" order by total_bytes desc, vpc limit 20
            """,
            spec=Spec(
                "table",
                x="vpc",
                y=("total_packets", "total_bytes", "records"),
                labels={
                    "vpc": "VPC",
                    "total_packets": _("Packets"),
                    "total_bytes": _("Bytes"),
                    "records": _("Records"),
                },
                units={"total_packets": "packets", "total_bytes": "bytes", "records": "count"},
            ),
        ),
    ),
)
