use proptest::prelude::*;

use super::*;

const SMALL: &str =
    "# date 2026-12-01\n# sources two lists\na/m\t1 2\na/m-2\t.5 4 r.05 h2 >200000 1 6 r.1 >300000 2 6\nb/n\ts100\n";

/// The rates of a price: input, output, cache read, one hour's cache write.
fn rates(price: &Price, input: u64) -> [Option<u64>; 4] {
    [Rate::Input, Rate::Output, Rate::CacheRead, Rate::CacheWriteHour].map(|rate| price.rates(input).own(rate))
}

#[test]
fn the_table_of_the_gateway_can_be_read() {
    let Table(text) = Table::INCLUDED;
    assert!(Table::read(text).is_some());
    assert!(Table::INCLUDED.sources().is_some());
    assert!(text.is_ascii());
}

#[test]
fn every_row_is_written_as_it_was() {
    for row in Table::INCLUDED.rows() {
        let price = row.price().unwrap();
        assert_eq!(read(&written(&price)), Some(price), "{row:?}");
    }
}

#[test]
fn every_row_is_found_by_its_name() {
    for row in Table::INCLUDED.rows() {
        let price = row.price();
        assert!(price.is_some(), "{row:?}");
        assert_eq!(Table::INCLUDED.price(row.provider, row.model), price, "{row:?}");
        let written = row.model.to_ascii_uppercase();
        assert_eq!(Table::INCLUDED.price(row.provider, &written), price, "{row:?}");
    }
}

#[test]
fn the_table_names_providers_that_the_gateway_knows() {
    for row in Table::INCLUDED.rows() {
        assert!(crate::dialect::providers::named(row.provider).is_some(), "{row:?}");
    }
}

#[test]
fn what_the_table_does_not_have_has_no_price() {
    for (provider, model) in [
        ("openai", ""),
        ("openai", "no-such-model"),
        ("", ""),
        ("aaa", "aaa"),
        ("zzz", "zzz"),
        ("#", " date 2026-12-01"),
        ("openai", "gpt-4o\t2.5"),
        ("openai", "gpt-4o\n"),
    ] {
        assert_eq!(Table::INCLUDED.price(provider, model), None, "{provider} {model}");
    }
    assert_eq!(Table("").price("a", "b"), None);
}

#[test]
fn a_tier_has_the_rates_of_the_shortest_requests_where_it_names_no_other() {
    let price = Table(SMALL).price("a", "m-2").unwrap();
    assert_eq!(
        rates(&price, 200_000),
        [Some(500_000), Some(4_000_000), Some(50_000), Some(2_000_000)]
    );
    assert_eq!(
        rates(&price, 200_001),
        [Some(1_000_000), Some(6_000_000), Some(100_000), Some(2_000_000)]
    );
    assert_eq!(
        rates(&price, 300_001),
        [Some(2_000_000), Some(6_000_000), Some(50_000), Some(2_000_000)]
    );
    let seconds = Table(SMALL).price("b", "n").unwrap();
    assert_eq!(seconds.base.own(Rate::Second), Some(100_000_000));
    assert_eq!(rates(&seconds, 0), [None; 4]);
}

#[test]
fn a_text_that_is_not_a_table_is_none() {
    assert!(Table::read(SMALL).is_some());
    for (from, to) in [
        ("# date 2026-12-01\n", ""),
        ("2026-12-01", "2026-13-01"),
        ("a/m\t1 2", "c/m\t1 2"),
        ("a/m-2", "a/m"),
        ("\t1 2", "\tx"),
        ("\t1 2", ""),
        ("\t1 2", "\t1 -2"),
        ("\t1 2", "\t1 2 3"),
        (" r.05", " z.05"),
        (">200000", ">many"),
        ("s100", ""),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL);
        assert!(Table::read(&text).is_none(), "{text}");
    }
}

#[test]
fn days_are_counted_from_1970_on() {
    for (date, number) in [
        ("1970-01-01", 0),
        ("2000-02-29", 11_016),
        ("2000-03-01", 11_017),
        ("2026-12-01", 20_788),
        ("2100-03-01", 47_541),
    ] {
        assert_eq!(day(date), Some(number), "{date}");
    }
    for text in [
        "",
        "2026",
        "2026-12",
        "2026-12-01-1",
        "2026-13-01",
        "2026-12-32",
        "1969-01-01",
        "a-b-c",
    ] {
        assert_eq!(day(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_search_finds_what_reading_all_rows_finds(
        rows in proptest::collection::btree_map("[a-c]{1,2}/[a-d1-9./:-]{1,5}", "[1-9]{1,3}", 0..20),
        provider in "[a-c]{1,2}",
        model in "[a-d1-9./:-]{1,5}",
    ) {
        let lines: Vec<String> = rows.iter().map(|(name, rate)| format!("{name}\t{rate}\n")).collect();
        let text = format!("# date 2026-12-01\n{}", lines.concat());
        let table = Table::read(&text).unwrap();
        let price = |rate: &String| read(rate).unwrap();
        for (name, rate) in &rows {
            let (provider, model) = name.split_once('/').unwrap();
            prop_assert_eq!(table.price(provider, model), Some(price(rate)));
        }
        let expected = rows.get(&format!("{provider}/{model}")).map(price);
        prop_assert_eq!(table.price(&provider, &model), expected);
    }

    #[test]
    fn a_price_is_read_as_it_was_written(
        base in proptest::collection::vec(proptest::option::of(0..1_000_000_000_u64), Rate::ALL.len()),
        tiers in proptest::collection::btree_map(1..1_000_000_u64, (0..Rate::ALL.len(), 0..1_000_000_u64), 0..3),
        first in 0..1_000_000_u64,
    ) {
        let mut price = Price::default();
        price.base.set(Rate::Input, first);
        for ((rate, _), value) in Rate::ALL.into_iter().zip(base) {
            if let Some(value) = value {
                price.base.set(rate, value);
            }
        }
        for (above, (index, value)) in tiers {
            let mut rates = price.base.clone();
            rates.set(Rate::ALL[index].0, value);
            price.tiers.push((above, rates));
        }
        prop_assert_eq!(read(&written(&price)), Some(price));
    }
}
