//! Figures as tables for people: what was measured, what was wanted, and whether that was reached.

use std::fmt::Write;

use crate::figures::Figures;

/// A figure of the gateway beside those of plain proxies.
struct Row {
    what: &'static str,
    scenario: &'static str,
    figure: &'static str,
    /// What the figure is divided by to be shown.
    per: f64,
    decimals: usize,
    /// Only what is added to the time without any proxy.
    added: bool,
    /// The most that the ratio to nginx may be.
    wanted: Option<f64>,
}

const fn row(what: &'static str, scenario: &'static str, figure: &'static str) -> Row {
    Row {
        what,
        scenario,
        figure,
        per: 1.0,
        decimals: 1,
        added: false,
        wanted: None,
    }
}

const CPU: &str = "cpu_us_per_answer";
const CPU_EVENT: &str = "cpu_us_per_event";

const ROWS: &[Row] = &[
    row("1 KB chat, 64 connections: CPU per request, us", "chat-64", CPU).at_most(1.0),
    row("1 KB chat, 1 connection: CPU per request, us", "chat-1", CPU),
    row("1 KB chat, 1 000 connections: CPU per request, us", "chat-1000", CPU),
    row("1 KB chat, 64 connections: requests/s", "chat-64", "answers_per_second").digits(0),
    row("1 000 requests/s, open loop: p50 added, us", "open-1000", "p50_us")
        .added()
        .at_most(1.2),
    row("1 000 requests/s, open loop: p99 added, us", "open-1000", "p99_us").added(),
    row(
        "200 streams/s, open loop: p50 of the first event, added, us",
        "open-streams",
        "first_event_p50_us",
    )
    .added(),
    row("full speed, 4 events a write: CPU per event, us", "burst-4", CPU_EVENT)
        .digits(2)
        .at_most(1.2),
    row("the same: events per read of the client", "burst-4", "events_per_read"),
    row("full speed, 1 event a write: CPU per event, us", "burst-1", CPU_EVENT).digits(2),
    row("256 streams, an event per 20 ms: CPU per event, us", "paced", CPU_EVENT).at_most(0.9),
    row("the same: p99 between events, us", "paced", "gap_p99_us").digits(0),
    row("500 held streams: MB per 1 000", "held-500", "grown_pss_mb").per(0.5),
    row("1 000 held streams: MB per 1 000", "held-1000", "grown_pss_mb"),
    row("2 000 held streams: MB per 1 000", "held-2000", "grown_pss_mb")
        .per(2.0)
        .at_most(0.5),
    row("1 MB body: CPU per request, us", "sink", CPU)
        .digits(0)
        .at_most(0.6),
    row("memory when idle, MB", "memory-idle", "pss_mb"),
    row("memory under load (1 000 connections), MB", "memory-load", "pss_mb"),
    row("memory a while after, MB", "memory-after", "pss_mb"),
];

impl Row {
    const fn per(self, per: f64) -> Self {
        Self { per, ..self }
    }

    const fn digits(self, decimals: usize) -> Self {
        Self { decimals, ..self }
    }

    const fn added(self) -> Self {
        Self {
            added: true,
            decimals: 0,
            ..self
        }
    }

    const fn at_most(self, wanted: f64) -> Self {
        Self {
            wanted: Some(wanted),
            ..self
        }
    }

    fn value(&self, figures: &Figures, subject: &str) -> Option<f64> {
        let value = if self.added {
            figures.added(self.scenario, self.figure, subject, "direct")
        } else {
            figures.median(self.scenario, subject, self.figure)
        };
        value.map(|value| value / self.per)
    }

    fn ratio(&self, figures: &Figures) -> Option<f64> {
        if self.added {
            figures.added_ratio(self.scenario, self.figure, "gateway", "nginx", "direct")
        } else {
            figures.ratio(self.figure, (self.scenario, "gateway"), (self.scenario, "nginx"))
        }
    }
}

/// The table of the native gateway.
pub(crate) fn native(figures: &Figures) -> String {
    let mut text = heading(figures);
    text.push_str("| | gateway | nginx | HAProxy | gateway / nginx | target |\n|---|---:|---:|---:|---:|---|\n");
    for row in ROWS {
        let values = ["gateway", "nginx", "haproxy"].map(|subject| row.value(figures, subject));
        if values.iter().all(Option::is_none) {
            continue;
        }
        let [gateway, nginx, haproxy] = values.map(|value| number(value, row.decimals));
        let ratio = row.ratio(figures);
        let (what, shown, target) = (row.what, number(ratio, 2), judged(ratio, row.wanted));
        let _ = writeln!(
            text,
            "| {what} | {gateway} | {nginx} | {haproxy} | {shown} | {target} |"
        );
    }
    text.push_str("\n| the gateway by itself | | target |\n|---|---:|---|\n");
    let routes = figures.ratio(CPU, ("chat-64", "gateway-1000"), ("chat-64", "gateway"));
    let large_body = figures.ratio(CPU, ("sink", "gateway"), ("sink", "nginx-256k"));
    let own = [
        (
            "memory when idle, MB",
            figures.median("memory-idle", "gateway", "pss_mb"),
            Some(8.0),
        ),
        ("binary, MB", figures.median("size", "gateway", "mb"), Some(8.0)),
        (
            "1 MB body: CPU per request / nginx with `client_body_buffer_size 256k`",
            large_body,
            None,
        ),
        ("CPU per request with 1 000 routes / with 1", routes, Some(1.03)),
        (
            "CPU per request, 1 to 1 000 connections: most / least",
            growth(figures, "gateway"),
            Some(1.2),
        ),
        ("the same of nginx", growth(figures, "nginx"), None),
        (
            "translated stream at full speed, 1 event a write: CPU per event / not translated",
            translated(figures, "translated-burst-1"),
            Some(3.0),
        ),
        (
            "... 4 events a write",
            translated(figures, "translated-burst-4"),
            Some(3.0),
        ),
        (
            "... 256 streams, an event per 20 ms",
            translated(figures, "translated-paced"),
            Some(3.0),
        ),
    ];
    for (what, value, wanted) in own {
        if value.is_some() {
            let _ = writeln!(text, "| {what} | {} | {} |", number(value, 2), judged(value, wanted));
        }
    }
    text
}

/// The table of the Worker.
pub(crate) fn worker(figures: &Figures) -> String {
    let mut text = heading(figures);
    text.push_str(
        "| | gateway | plain JS, same work | plain JS, passes on | ratio | target |\n|---|---:|---:|---:|---:|---|\n",
    );
    for (what, scenario, figure, per, subject, peer, wanted) in [
        (
            "small JSON: CPU per request, us",
            "small",
            CPU,
            1.0,
            "gateway",
            "plain",
            Some(1.1),
        ),
        (
            "... with 100 routes / with 1",
            "small",
            CPU,
            1.0,
            "gateway-100",
            "gateway",
            None,
        ),
        (
            "... with 1 000 routes / with 1",
            "small",
            CPU,
            1.0,
            "gateway-1000",
            "gateway",
            None,
        ),
        (
            "... both with 1 000 routes",
            "small",
            CPU,
            1.0,
            "gateway-1000",
            "plain-1000",
            None,
        ),
        (
            "stream of 200 events: CPU per answer, ms",
            "streams",
            CPU_EVENT,
            5.0,
            "gateway",
            "pass",
            Some(1.2),
        ),
        (
            "... / plain JS, same work",
            "streams",
            CPU_EVENT,
            5.0,
            "gateway",
            "plain",
            None,
        ),
        (
            "... watched (`verify_end`)",
            "streams",
            CPU_EVENT,
            5.0,
            "gateway-verify",
            "pass",
            None,
        ),
        (
            "... translated / not translated",
            "streams",
            CPU_EVENT,
            5.0,
            "gateway-translating",
            "gateway",
            None,
        ),
        (
            "first answer of a new process, ms",
            "first",
            "ms",
            1.0,
            "gateway",
            "plain",
            Some(1.2),
        ),
        (
            "... both with 1 000 routes",
            "first",
            "ms",
            1.0,
            "gateway-1000",
            "plain-1000",
            None,
        ),
    ] {
        let value = |subject| figures.median(scenario, subject, figure).map(|value| value / per);
        if value(subject).is_none() {
            continue;
        }
        let plain = if peer == "plain-1000" { peer } else { "plain" };
        let [gateway, plain, pass] = [subject, plain, "pass"].map(|subject| number(value(subject), 2));
        let ratio = figures.ratio(figure, (scenario, subject), (scenario, peer));
        let target = judged(ratio, wanted);
        let _ = writeln!(
            text,
            "| {what} | {gateway} | {plain} | {pass} | {} | {target} |",
            number(ratio, 2)
        );
    }
    let size = figures.median("size", "gateway", "gzip_kb");
    let _ = writeln!(
        text,
        "| compressed size, KB | {} | | | | {} |",
        number(size, 0),
        judged(size, Some(200.0))
    );
    text
}

/// What an event costs that is translated, in those that pass as they came.
fn translated(figures: &Figures, scenario: &str) -> Option<f64> {
    figures.ratio(CPU_EVENT, (scenario, "gateway-translating"), (scenario, "gateway"))
}

/// How much the cost of a request depends on the number of connections.
fn growth(figures: &Figures, subject: &str) -> Option<f64> {
    let costs = ["chat-1", "chat-64", "chat-1000"].map(|scenario| figures.median(scenario, subject, CPU));
    let [a, b, c] = costs;
    let (a, b, c) = (a?, b?, c?);
    Some(a.max(b).max(c) / a.min(b).min(c))
}

/// Says first whether the figures mean anything.
fn heading(figures: &Figures) -> String {
    let mut text = String::new();
    let count = figures.errors.len();
    if count > 0 {
        let _ = writeln!(text, "**VOID**: {count} loads had errors.\n");
    }
    if let Some(share) = figures.disturbance() {
        let percent = share * 100.0;
        let _ = writeln!(
            text,
            "Other work took {percent:.0} % of the measured core (median of all loads).\n"
        );
    }
    text
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The target, and whether `value` keeps it.
fn judged(value: Option<f64>, wanted: Option<f64>) -> String {
    match (value, wanted) {
        (_, None) => String::new(),
        (None, Some(wanted)) => format!("at most {wanted}"),
        (Some(value), Some(wanted)) if value <= wanted => format!("at most {wanted}: kept"),
        (Some(_), Some(wanted)) => format!("at most {wanted}: **missed**"),
    }
}
