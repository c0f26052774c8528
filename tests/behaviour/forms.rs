//! Forms whose model has to be known. The upstream reads them with a reader of its own: what readers differ on goes nowhere.

use serde_json::json;

use crate::allowed::{FORM, form, limited, part};
use crate::bypasses::fine;
use crate::classes::send;
use crate::support::{Gateway, Runtime};

const TARGET: &str = "POST /v1/audio/transcriptions";

pub(crate) fn a_form_that_readers_differ_on_reaches_no_upstream(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    let ok = part("name=\"model\"", "ok");
    let other = |head: &[u8]| [b"--xyz\r\n", head, b"\r\n\r\nother\r\n"].concat();
    for hidden in [
        other(b"Content-Disposition: form-data; name=\"model\"; filename=\"\""),
        other(b"Content-Disposition: form-data;\r\n name=\"model\""),
        other(b"Content-Disposition: form-data; name*=utf-8''model"),
        other(b"Content-Disposition: form-data; name=\"model[]\""),
        other(b"Content-Disposition: form-data; name=\"x\"; filename=\"a\\\"; name=\"model\""),
        other(b"X: 1\nContent-Disposition: form-data; name=\"model\""),
        other(b"Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding: base64"),
        b"--xyz junk\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n".to_vec(),
        b"--xyz \t\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n".to_vec(),
        b"x\n--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n".to_vec(),
    ] {
        let hidden_first = [&hidden, ok.as_bytes(), b"--xyz--\r\n"].concat();
        let hidden_last = [ok.as_bytes(), &hidden, b"--xyz--\r\n"].concat();
        for body in [hidden_first, hidden_last] {
            let answer = send(&gateway, TARGET, FORM, &body);
            assert_eq!(
                answer.error(),
                (400, "invalid_body".into()),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
    }
    let behind_the_end = form(&[ok]) + &part("name=\"model\"", "other");
    let answer = send(&gateway, TARGET, FORM, behind_the_end.as_bytes());
    assert_eq!(answer.error(), (400, "invalid_body".into()));
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
}

pub(crate) fn all_models_of_a_form_are_judged_and_replaced(runtime: Runtime) {
    let upstream = fine();
    let gateway = limited(runtime, &upstream);
    let model = |value: &str| part("name=\"model\"", value);
    let odd = [
        b"--xyz\r\nX-Odd: \xFF\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nother\r\n".as_slice(),
        b"--xyz--\r\n",
    ]
    .concat();
    let mixed = form(&[model("ok"), model("other")]);
    let capitals = form(&[model("ok"), part("NAME=Model", "other")]);
    for body in [odd.as_slice(), mixed.as_bytes(), capitals.as_bytes()] {
        let answer = send(&gateway, TARGET, FORM, body);
        assert_eq!(answer.error(), (404, "model_not_found".into()));
    }
    assert!(upstream.received().is_empty(), "{:?}", upstream.received());
    let file = part("name=\"file\"; filename=\"a.wav\"", "\0\u{1}");
    let answer = send(
        &gateway,
        TARGET,
        FORM,
        form(&[model("alias"), file.clone(), model("ok")]).as_bytes(),
    );
    assert_eq!(answer.status, 200);
    assert_eq!(upstream.only().text(), form(&[model("real"), file, model("real")]));
}

pub(crate) fn a_default_model_stands_behind_the_preamble_of_a_form(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({"default_model": "whisper-1"}));
    let file = part("name=\"file\"; filename=\"a.wav\"", "x");
    let preamble = "Read this with a mail reader.\r\n";
    let body = preamble.to_owned() + &form(std::slice::from_ref(&file));
    assert_eq!(send(&gateway, TARGET, FORM, body.as_bytes()).status, 200);
    let expected = preamble.to_owned() + &form(&[part("name=\"model\"", "whisper-1"), file]);
    assert_eq!(upstream.only().text(), expected);
}

pub(crate) fn a_form_whose_model_does_not_matter_passes_as_it_is(runtime: Runtime) {
    let upstream = fine();
    let gateway = Gateway::to(runtime, &upstream, json!({}));
    let body = "--xyz junk\nContent-Disposition: form-data; name=model; filename=\"\"\n\nother\n--xyz--";
    assert_eq!(send(&gateway, TARGET, FORM, body.as_bytes()).status, 200);
    assert_eq!(upstream.only().text(), body);
}
