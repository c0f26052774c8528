//! JSON requests: what is taken is JSON by `serde_json`'s judgement, members lie where its parser finds them, and a patch
//! changes its member and no other byte.

#![expect(clippy::expect_used, reason = "a property that does not hold ends the run")]

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::cut;
use super::members::{Malformed, Members};
use super::patch::Peek;
use super::scan::{self, MAX_DEPTH, Member};

/// Checks what is read of a request, and what becomes of it when its model is replaced or taken out.
pub(crate) fn json(body: &[u8]) {
    let Ok(text) = std::str::from_utf8(body) else {
        assert!(
            Peek::read(body).is_err() && Members::of(body).is_err(),
            "a text that is not UTF-8 was taken"
        );
        return;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = Members::parse(text).ok().map(|members| members.0);
    let is_deep = depth(text) > MAX_DEPTH;
    match scan::members(text, scan::NOTHING) {
        Some((scanned, _)) => assert_eq!(Some(scanned), parsed, "the scanner finds what the parser does not"),
        None => assert!(
            parsed.is_none() || is_deep,
            "the scanner does not find what the parser does"
        ),
    }
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    if let Some(members) = &parsed {
        assert!(is_json, "a text that is not JSON was taken");
        check_places(text, members);
    }
    match Peek::read(body) {
        Ok(peek) => check_patches(body, &peek),
        Err(Malformed::NotAnObject) => assert!(is_json && !text.trim_start().starts_with('{')),
        Err(Malformed::TooDeep) => assert!(is_deep, "a text that is not deep is called that"),
        Err(Malformed::Twice(name)) => {
            let named = parsed.iter().flatten().filter(|(key, _)| key == name);
            assert!(named.count() > 1, "a member that stands once is called double");
        }
        Err(Malformed::WrongType(name, _)) => assert!(value(&parsed.unwrap_or_default(), name).is_some()),
        Err(Malformed::Syntax(why)) => assert!(parsed.is_none(), "{why}"),
    }
}

fn value<'a>(members: &[Member<'a>], name: &str) -> Option<&'a str> {
    members.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
}

/// Every value is JSON, and lies in the text behind the one before it. With other values in their places the text is an
/// object with the same names.
fn check_places(text: &str, members: &[Member<'_>]) {
    let (mut rebuilt, mut end) = (String::new(), 0);
    for (name, value) in members {
        let start = value.as_ptr() as usize - text.as_ptr() as usize;
        assert!(
            serde_json::from_str::<IgnoredAny>(value).is_ok() && value.trim() == *value,
            "{name}: {value}"
        );
        rebuilt.push_str(&text[end..start]);
        rebuilt.push_str("[0]");
        end = start + value.len();
    }
    rebuilt.push_str(&text[end..]);
    let again = Members::parse(&rebuilt).map(|members| members.0).unwrap_or_default();
    let expected: Vec<Member<'_>> = members.iter().map(|(name, _)| (name.clone(), "[0]")).collect();
    assert_eq!(again, expected, "values lie elsewhere");
}

fn check_patches(body: &[u8], peek: &Peek) {
    let body = Bytes::copy_from_slice(body);
    let before = members(&body);
    let is_model = |(name, _): &&Member<'_>| name == "model";
    let others: Vec<&Member<'_>> = before.iter().filter(|member| !is_model(member)).collect();
    if let Some(model) = &peek.model {
        assert_eq!(
            peek.with_model(&body, model).concat(),
            body,
            "the same model changes the body"
        );
    }
    for model in ["m", "a \"model\"\\\n"] {
        let patched = Bytes::from(peek.with_model(&body, model).concat());
        let read = Peek::read(&patched).expect("what was patched cannot be read");
        assert_eq!((read.model.as_deref(), read.stream), (Some(model), peek.stream));
        let after = members(&patched);
        assert_eq!(after.iter().filter(is_model).count(), 1);
        assert!(
            after
                .iter()
                .filter(|member| !is_model(member))
                .eq(others.iter().copied())
        );
        if before.len() == after.len() {
            let names = |members: &[Member<'_>]| members.iter().map(|(name, _)| name.clone().into_owned()).collect();
            let [before, after]: [Vec<String>; 2] = [names(&before), names(&after)];
            assert_eq!(before, after, "members change places");
        }
    }
    match cut::without(&body, "model") {
        Some(cut) => assert!(members(&cut).iter().eq(others.iter().copied()), "more is cut, or less"),
        None => assert_eq!(others.len(), before.len(), "a model stays"),
    }
}

fn members(body: &[u8]) -> Vec<Member<'_>> {
    Members::of(body).map(|members| members.0).unwrap_or_default()
}

/// How deep arrays and objects nest in a text that is JSON.
fn depth(text: &str) -> usize {
    let (mut now, mut deepest, mut bytes) = (0_usize, 0, text.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => now += 1,
            b'}' | b']' => now = now.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}
