//! Room for a request with the limits of its account.
//!
//! [`hold`] is called once all of a request is known that an estimate needs, and before any upstream is asked. What it holds stands in
//! the [`Record`], whose settlement ends it. Where an account has no limit, nothing is done here.

use std::time::Duration;

use memchr::memchr;

use crate::config::{Account, Config, Money, Route};
use crate::dialect::wire::members::Members;
use crate::error::{Error, Kind};
use crate::gateway::call::ClientRequest;
use crate::gateway::call::endpoint::Wish;
use crate::gateway::held::Counted;
use crate::gateway::record::Record;
use crate::gateway::state::State;
use crate::platform::Platform;
use crate::policy::accounts::{Amount, Ask, Exceeded, Limit, LimitScope, Limited, Now, Quantity, Size};

/// The longest time that a client is asked to wait.
const LONGEST: Duration = Duration::from_secs(60);

/// For how long it is asked to wait where nobody knows when a running request ends.
const UNKNOWN: Duration = Duration::from_secs(1);

/// A text without blanks of so many bytes is an image, or another file.
const FILE: usize = 4096;

/// Holds room for a request with every limit of its account. Where one leaves none for now, it waits as long as the route lets requests
/// wait.
///
/// # Errors
/// 429, with the limit and the time at which there is room.
pub(crate) async fn hold<P: Platform>(
    (config, state, platform): (&Config, &State, &P),
    request: &ClientRequest<'_>,
    record: &mut Record,
) -> Result<(), Error> {
    let mut patience = config.routes[request.route].retry_wait;
    while let Some(wait) = try_hold((config, state, platform), request, patience, record)? {
        patience = patience.saturating_sub(wait);
        platform.sleep(wait).await;
    }
    Ok(())
}

/// Holds room for a request, or returns after what time there may be room, if that is within its `patience`. It does not wait by itself: so
/// nothing of it is compiled for a runtime where nothing is counted.
fn try_hold<P: Platform>(
    (config, state, platform): (&Config, &State, &P),
    request: &ClientRequest<'_>,
    patience: Duration,
    record: &mut Record,
) -> Result<Option<Duration>, Error> {
    let (account, route) = (request.caller.account, &config.routes[request.route]);
    if !P::COUNTS || !config.limits(account) {
        return Ok(None);
    }
    let model = request
        .named_model()
        .or(route.default_model.as_deref())
        .unwrap_or_default();
    let mut subjects = vec![Limited::token(&account.name, &account.allowance)];
    if let Some(group) = account.group.map(|group| &config.groups[group]) {
        subjects.push(Limited::group(&group.name, &group.allowance));
    }
    subjects.extend(of_model(account, route, model));
    let (input, output) = estimate(request, || state.learned.output(&account.name, model));
    let ask = Ask {
        subjects: &subjects,
        input,
        output,
        is_fallback: false,
    };
    let now = Now {
        wall: platform.now(),
        moment: platform.moment(),
    };
    match state.book.admit(now, &ask) {
        Ok(hold) => {
            record.held = Some(Box::new(Counted::new(hold, &state.learned, &account.name, model)));
            Ok(None)
        }
        Err(exceeded) => {
            let wait = wait(&exceeded, now);
            if exceeded.waiting_helps && wait <= patience {
                Ok(Some(wait))
            } else {
                Err(refused(&exceeded, wait))
            }
        }
    }
}

/// Returns what an account may use of a model.
fn of_model<'a>(account: &'a Account, route: &'a Route, model: &str) -> impl Iterator<Item = Limited<'a>> {
    let fits = account
        .per_model
        .iter()
        .filter(move |(pattern, _)| route.is_listed(std::slice::from_ref(pattern), model));
    fits.map(|(pattern, allowance)| Limited::model(&account.name, pattern.text(), allowance))
}

/// Returns what the input and the answer of a request will take. Nothing of what asks no model.
fn estimate(request: &ClientRequest<'_>, learned: impl FnOnce() -> u64) -> (Amount, Amount) {
    if request.endpoint.wish == Wish::Other {
        return (Amount::ZERO, Amount::ZERO);
    }
    let (bytes, images) = text_and_images(&request.body);
    let (max_tokens, answers) = asked_for(&request.body);
    let size = Size {
        bytes,
        images,
        max_tokens,
        answers,
        window: None,
    };
    let estimate = size.estimate(if max_tokens.is_some() { 0 } else { learned() });
    (tokens(estimate.input), tokens(estimate.output))
}

const fn tokens(tokens: u64) -> Amount {
    Amount {
        tokens,
        cost: Money::ZERO,
    }
}

/// Returns the longest answer that a request asks for, and how many answers.
fn asked_for(body: &[u8]) -> (Option<u64>, u64) {
    let Ok(members) = Members::of(body) else {
        return (None, 1);
    };
    let settings = members
        .last("generationConfig")
        .and_then(|config| Members::of(config.as_bytes()).ok());
    let number = |name: &str| {
        let inner = settings.as_ref().and_then(|settings| settings.last(name));
        members.last(name).or(inner)?.parse().ok()
    };
    let longest = [
        "max_completion_tokens",
        "max_tokens",
        "max_output_tokens",
        "maxOutputTokens",
    ];
    let answers = ["n", "candidateCount"].into_iter().find_map(number);
    (longest.into_iter().find_map(number), answers.unwrap_or(1))
}

/// Returns how many bytes of text a body has, and how many strings in it are images or other files.
fn text_and_images(body: &[u8]) -> (u64, u64) {
    let (mut bytes, mut images) = (0, 0);
    for part in body.split(|byte| *byte == b'"') {
        if part.len() >= FILE && memchr(b' ', part).is_none() {
            images += 1;
        } else {
            bytes += part.len() as u64;
        }
    }
    (bytes, images)
}

/// Returns how long to wait until there is room.
fn wait(exceeded: &Exceeded, now: Now) -> Duration {
    let free = exceeded.free.map_or(UNKNOWN, |free| now.wall.until(free));
    free.clamp(Duration::from_millis(1), LONGEST)
}

/// Returns the error for a limit that leaves no room.
fn refused(exceeded: &Exceeded, wait: Duration) -> Error {
    let standing = &exceeded.standing;
    let whose = match standing.scope {
        LimitScope::Token => "this token",
        LimitScope::Group => "this token's group",
        LimitScope::Model => "this token and model",
        LimitScope::UpstreamKey => "this key",
    };
    let number = |quantity: Quantity| match quantity {
        Quantity::Count(count) => count.to_string(),
        Quantity::Money(money) => money.to_string(),
    };
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    let (limit, used) = (number(standing.value()), number(standing.used()));
    let when = match (exceeded.free, standing.limit) {
        (None, Limit::Concurrent) => "ask again when one of them has ended".to_owned(),
        _ => format!("ask again in {seconds} s"),
    };
    let message = format!(
        "The limit of {whose} is reached: `{}` is {limit}, and {used} are used; {when}.",
        standing.limit.as_str()
    );
    let mut error = Error::new(Kind::LimitReached, message);
    error.retry_after = u64::try_from(seconds).ok();
    error.retry_after_ms = u64::try_from(wait.as_millis()).ok();
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_a_request_is_no_text() {
        let file = "A".repeat(FILE);
        let text = "words and words ".repeat(1_000);
        assert_eq!(text_and_images(br#"{"a":"b"}"#), (5, 0));
        let body = format!(r#"{{"text":"{text}","image":"{file}"}}"#);
        let (bytes, images) = text_and_images(body.as_bytes());
        assert_eq!(images, 1);
        assert!(bytes < text.len() as u64 + 50, "{bytes}");
    }

    #[test]
    fn the_longest_answer_is_read_in_every_dialect() {
        for (body, expected) in [
            (r#"{"max_tokens":5,"n":2}"#, (Some(5), 2)),
            (r#"{"max_completion_tokens":6,"max_tokens":null}"#, (Some(6), 1)),
            (r#"{"max_output_tokens":7}"#, (Some(7), 1)),
            (
                r#"{"generationConfig":{"maxOutputTokens":8,"candidateCount":3}}"#,
                (Some(8), 3),
            ),
            (r#"{"max_tokens":"5"}"#, (None, 1)),
            ("no JSON", (None, 1)),
        ] {
            assert_eq!(asked_for(body.as_bytes()), expected, "{body}");
        }
    }
}
