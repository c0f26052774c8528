//! Offsets, turns and the beginnings of days and months.

use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3600;

/// Places whose clocks differ in kind: without and with summer time, in both halves of the world, by half an hour, with a winter
/// that is the exception, with turns at midnight, before it and behind it, counted by days of the year, and a summer for ever.
const ZONES: [&str; 15] = [
    "Z",
    "+08:00",
    "-09:30",
    "<+0330>-3:30",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
    "EET-2EEST,M3.5.0/0,M10.5.0/0",
    "EET-2EEST,M3.5.0/0,M10.5.0/0:30",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "AAA3BBB,J60/2,J300/2",
    "AAA3BBB,59,299/-3",
    "EST5EDT,0/0,J365/25",
];

/// A zone, its first offset, and the times of changes with the offset from then on.
type Row = (&'static str, i64, &'static [(i64, i64)]);

fn zone(text: &str) -> TimeZone {
    TimeZone::parse(text).unwrap()
}

fn at(date: &str) -> i64 {
    date::seconds(date).unwrap().try_into().unwrap()
}

#[test]
fn clocks_change_when_those_of_another_implementation_do() {
    // From glibc: the offset at the end of 2025, and each change until the end of 2027.
    #[rustfmt::skip]
    let rows: [Row; 10] = [
        ("CET-1CEST,M3.5.0,M10.5.0/3", 3600, &[(1774746000, 7200), (1792890000, 3600), (1806195600, 7200), (1824944400, 3600)]),
        ("EST5EDT,M3.2.0,M11.1.0", -18000, &[(1772953200, -14400), (1793512800, -18000), (1805007600, -14400), (1825567200, -18000)]),
        ("<+0330>-3:30", 12600, &[]),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, &[(1775314800, 37800), (1791041400, 39600), (1806764400, 37800), (1822491000, 39600)]),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", 0, &[(1774746000, 3600), (1792890000, 0), (1806195600, 3600), (1824944400, 0)]),
        ("EET-2EEST,M3.5.0/0,M10.5.0/0", 7200, &[(1774735200, 10800), (1792875600, 7200), (1806184800, 10800), (1824930000, 7200)]),
        ("AAA3BBB,J60/2,J300/2", -10800, &[(1772341200, -7200), (1793073600, -10800), (1803877200, -7200), (1824609600, -10800)]),
        ("AAA3BBB,59,299/-3", -10800, &[(1772341200, -7200), (1793055600, -10800), (1803877200, -7200), (1824591600, -10800)]),
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", 46800, &[(1775311200, 43200), (1790431200, 46800), (1806760800, 43200), (1821880800, 46800)]),
        ("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", -7200, &[(1774746000, -3600), (1792890000, -7200), (1806195600, -3600), (1824944400, -7200)]),
    ];
    for (text, first, changes) in rows {
        let zone = zone(text);
        let mut before = first;
        assert_eq!(zone.rule.offset(1_766_966_400), first, "{text}");
        for &(time, offset) in changes {
            assert_eq!(
                (zone.rule.offset(time - 1), zone.rule.offset(time)),
                (before, offset),
                "{text} {time}"
            );
            before = offset;
        }
        assert_eq!(zone.rule.offset(1_830_000_000), before, "{text}");
    }
    // `J60` is the first of March in a leap year too, and `59` is not.
    for (text, begin) in [
        ("AAA3BBB,J60/2,J300/2", "2028-03-01T05:00:00Z"),
        ("AAA3BBB,59/2,299/2", "2028-02-29T05:00:00Z"),
    ] {
        let (zone, begin) = (zone(text), at(begin));
        assert_eq!(
            (zone.rule.offset(begin - 1), zone.rule.offset(begin)),
            (-3 * HOUR, -2 * HOUR),
            "{text}"
        );
    }
}

#[test]
fn a_summer_that_ends_when_the_next_begins_lasts_for_ever() {
    let zone = zone("EST5EDT,0/0,J365/25");
    for year in 2026..2033 {
        for time in [
            at(&format!("{year}-01-01T04:59:59Z")),
            at(&format!("{year}-01-01T05:00:00Z")),
            at(&format!("{year}-07-01")),
        ] {
            assert_eq!(zone.rule.offset(time), -4 * HOUR, "{year}");
        }
    }
}

#[test]
fn days_and_months_begin_at_the_first_midnight_that_a_clock_shows() {
    for (text, day, begins, hours) in [
        ("Z", "2026-03-29", "2026-03-29T00:00:00Z", 24),
        ("+08:00", "2026-12-01", "2026-11-30T16:00:00Z", 24),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29", "2026-03-28T23:00:00Z", 23),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25", "2026-10-24T22:00:00Z", 25),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-11-01", "2026-11-01T04:00:00Z", 25),
        // Clocks jump over midnight.
        ("EET-2EEST,M3.5.0/0,M10.5.0/0", "2026-03-29", "2026-03-28T22:00:00Z", 23),
        // They are set back at midnight, and half an hour behind it.
        ("EET-2EEST,M3.5.0/0,M10.5.0/0", "2026-10-25", "2026-10-24T22:00:00Z", 24),
        (
            "EET-2EEST,M3.5.0/0,M10.5.0/0:30",
            "2026-10-25",
            "2026-10-24T21:00:00Z",
            25,
        ),
    ] {
        let zone = zone(text);
        let day = at(day) / DAY;
        let begin = at(begins);
        let end = begin + hours * HOUR;
        assert_eq!(
            (zone.day_start(day), zone.day_start(day + 1)),
            (begin, end),
            "{text} {begins}"
        );
        let within = begin + 45 * 60;
        for (time, expected) in [
            (begin - 1, day - 1),
            (begin, day),
            (within, day),
            (end - 1, day),
            (end, day + 1),
        ] {
            assert_eq!(zone.day(time), expected, "{text} {begins} {time}");
        }
    }
    let china = zone("+08:00");
    let november = TimeZone::month_of(china.day(at("2026-11-30T15:59:59Z")));
    assert_eq!(november, 2026 * 12 + 10);
    assert_eq!(china.month_start(november + 1), at("2026-11-30T16:00:00Z"));
    assert_eq!(china.month_start(november + 2), at("2026-12-31T16:00:00Z"));
}

#[test]
fn a_time_is_written_with_the_offset_that_it_has_there() {
    for (text, time, written) in [
        ("Z", "2026-11-29T10:00:01Z", "2026-11-29T10:00:01Z"),
        ("+08:00", "2026-11-30T16:00:00Z", "2026-12-01T00:00:00+08:00"),
        ("-09:30", "2026-01-01T00:00:00Z", "2025-12-31T14:30:00-09:30"),
        (
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "2026-03-29T00:59:59Z",
            "2026-03-29T01:59:59+01:00",
        ),
        (
            "CET-1CEST,M3.5.0,M10.5.0/3",
            "2026-03-29T01:00:00Z",
            "2026-03-29T03:00:00+02:00",
        ),
        (
            "IST-1GMT0,M10.5.0,M3.5.0/1",
            "2026-01-01T12:00:00Z",
            "2026-01-01T12:00:00Z",
        ),
        ("-12:00", "1970-01-01", "1969-12-31T12:00:00-12:00"),
    ] {
        assert_eq!(zone(text).rfc3339(at(time)), written, "{text}");
    }
}

#[test]
fn a_date_begins_at_midnight_of_the_zone_and_a_time_has_its_own() {
    let zones = ["Z", "+08:00", "CET-1CEST,M3.5.0,M10.5.0/3"].map(zone);
    let [utc, china, berlin] = &zones;
    for (zone, text, expected) in [
        (utc, "2027-03-01", "2027-03-01T00:00:00Z"),
        (utc, "2027-03-01T08:00:00+08:00", "2027-03-01T00:00:00Z"),
        (utc, "2027-02-28T20:30:00.123-03:30", "2027-03-01T00:00:00Z"),
        (china, "2027-03-01", "2027-02-28T16:00:00Z"),
        (china, "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        (berlin, "2027-03-01", "2027-02-28T23:00:00Z"),
        (berlin, "2027-07-01", "2027-06-30T22:00:00Z"),
    ] {
        let expected = u64::try_from(at(expected)).ok();
        assert_eq!(zone.instant(text), expected, "{} {text}", zone.as_str());
    }
    for text in [
        "",
        "soon",
        "2027-02-29",
        "2027-13-01",
        "2027-3-1",
        "2027-03-01T00:00:00",
        "2027-03-01 00:00:00Z",
        "2027-03-01T24:00:00Z",
        "2027-03-01T00:00:00+8",
        "2027-03-01T00:00:00CET-1",
        "2027-03-01T00:00Z",
        "1970-01-01T00:00:00+08:00",
        "\u{e9}027-03-01",
    ] {
        assert_eq!(utc.instant(text), None, "{text}");
    }
}

#[test]
fn what_is_not_a_zone_is_refused_with_what_to_write_instead() {
    for (text, says) in [
        ("", "expected an offset"),
        ("z", "expected an offset"),
        ("8", "expected an offset"),
        ("+8", "expected an offset"),
        ("+0800", "expected an offset"),
        ("+8:000", "expected an offset"),
        ("+08:00:00", "expected an offset"),
        ("+8:00:0", "expected an offset"),
        ("+24:00", "less than 24 hours"),
        ("+08:60", "expected an offset"),
        ("+-8:00", "expected an offset"),
        ("Europe/Berlin", "names of places"),
        ("CET", "a name needs its offset"),
        ("X5", "expected an offset"),
        ("<+08-8", "expected an offset"),
        ("<+é>-8", "expected an offset"),
        ("LMT-0:53:28", "whole minutes"),
        ("UTC+8", "counts to the west"),
        ("GMT-8", "counts to the west"),
        ("EST5EDT", "its beginning and its end"),
        ("EST5EDT4", "its beginning and its end"),
        ("EST5EDT,", "expected a day"),
        ("EST5EDT,M3.2.0", "expected a day"),
        ("EST5EDT,M3.2.0,M11.1", "expected a day"),
        ("EST5EDT,M3.2.0,M13.1.0", "expected a day"),
        ("EST5EDT,M3.6.0,M11.1.0", "expected a day"),
        ("EST5EDT,M3.2.7,M11.1.0", "expected a day"),
        ("EST5EDT,J0,J300", "expected a day"),
        ("EST5EDT,1,366", "expected a day"),
        ("EST5EDT,M3.2.0/168,M11.1.0", "expected a day"),
        ("EST5EDT,M3.2.0,M11.1.0,", "expected a day"),
    ] {
        let error = TimeZone::parse(text).unwrap_err();
        assert!(error.contains(says), "{text}: {error}");
    }
    for text in ZONES
        .into_iter()
        .chain(["UTC", "UTC0", "GMT0BST,M3.5.0/1,M10.5.0", "<UTC>0"])
    {
        assert_eq!(zone(text).as_str(), text);
    }
}

proptest! {
    #[test]
    fn each_time_is_in_the_day_between_its_beginning_and_the_next(index in 0..ZONES.len(), time in 0_i64..4_102_444_800) {
        let zone = zone(ZONES[index]);
        let day = zone.day(time);
        prop_assert!(zone.day_start(day) <= time && time < zone.day_start(day + 1));
        let length = zone.day_start(day + 1) - zone.day_start(day);
        prop_assert!((23 * HOUR..=25 * HOUR).contains(&length), "{} of {length} s", ZONES[index]);
        prop_assert_eq!(zone.day(zone.day_start(day)), day);
        prop_assert_eq!(zone.day(zone.day_start(day) - 1), day - 1);
        let month = TimeZone::month_of(day);
        prop_assert!(zone.month_start(month) <= time && time < zone.month_start(month + 1));
        prop_assert!(zone.rfc3339(time).len() >= "2026-12-01T00:00:00Z".len());
    }

    #[test]
    fn days_follow_one_another_under_any_rule(
        standard in -23_i64..24, summer in -23_i64..24,
        begin in 0..366_i64, end in 0..366_i64, times in [-167..168_i64, -167..168_i64],
        start in 0_i64..4_102_444_800, step in 1..40_i64,
    ) {
        let text = format!("AAA{standard}BBB{summer},{begin}/{},{end}/{}", times[0], times[1]);
        let zone = zone(&text);
        let mut before = zone.day(start);
        for time in (1..100).map(|count| start + count * step * HOUR) {
            let day = zone.day(time);
            prop_assert!(day >= before, "{text} {time}");
            prop_assert!(zone.day_start(day) <= time && time < zone.day_start(day + 1), "{text} {time}");
            before = day;
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        if let Ok(zone) = TimeZone::parse(&text) {
            let day = zone.day(1_800_000_000);
            prop_assert!((20_832..=20_834).contains(&day));
        }
    }

    #[test]
    fn any_rule_is_read_or_refused(text in "[A-Z]{3}-?[0-9]{1,3}[A-Z]{3}(,[MJ0-9./-]{1,9}){2}") {
        if let Ok(zone) = TimeZone::parse(&text) {
            let day = zone.day(1_800_000_000);
            prop_assert!((20_832..=20_834).contains(&day));
        }
    }
}
