use proptest::prelude::*;

use super::*;

const KIND: &str = "multipart/form-data; boundary=xyz";
const FILE: &str = "--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n\0\u{1}--xy\r\n\r\n--xy\r\n";

fn form(parts: &str) -> Bytes {
    Bytes::from(format!("{parts}--xyz--\r\n"))
}

fn part(disposition: &str, value: &str) -> String {
    format!("--xyz\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

#[test]
fn the_model_is_replaced_wherever_its_part_stands() {
    let part = |model: &str| part("name=\"model\"", model);
    for (before, after) in [("", FILE), (FILE, ""), (FILE, FILE)] {
        let body = form(&[before, &part("fast"), after].concat());
        let found = Form::read(KIND, &body).unwrap();
        assert_eq!(found.model(), Some("fast"));
        assert_eq!(
            found.with_model(&body, "whisper-1").concat(),
            form(&[before, &part("whisper-1"), after].concat())
        );
        assert_eq!(found.with_model(&body, "fast")[0].as_ptr(), body.as_ptr());
    }
}

#[test]
fn a_missing_model_becomes_the_first_part() {
    let body = form(FILE);
    let found = Form::read("multipart/form-data;charset=utf-8; Boundary=\"xyz\";", &body).unwrap();
    assert_eq!(found.model(), None);
    let patched = found.with_model(&body, "whisper-1").concat();
    assert_eq!(Form::read(KIND, &patched).unwrap().model(), Some("whisper-1"));
    assert!(patched.ends_with(&body));
    let empty = form(&part("name=model", ""));
    let patched = Form::read(KIND, &empty).unwrap().with_model(&empty, "m").concat();
    assert_eq!(patched, form(&part("name=model", "m")));
}

#[test]
fn a_part_that_is_added_stands_behind_the_preamble() {
    for preamble in ["This is a form.\r\n", "\r\n", "--xy\r\n--\r\n\r\n"] {
        let body = form(&format!("{preamble}{FILE}"));
        let found = Form::read(KIND, &body).unwrap();
        let patched = found.with_model(&body, "m").concat();
        assert_eq!(
            patched,
            form(&format!("{preamble}{}{FILE}", part("name=\"model\"", "m")))
        );
    }
}

#[test]
fn all_of_several_models_are_found_and_replaced() {
    let names = ["name=\"model\"", "name=model", "NAME=\"Model\"", "name=\" model\"; x=y"];
    let with = |values: [&str; 4]| {
        let parts = names.iter().zip(values).map(|(name, value)| part(name, value));
        form(&parts.chain([FILE.to_owned()]).collect::<String>())
    };
    let body = with(["a", " b ", "", "a"]);
    let found = Form::read(KIND, &body).unwrap();
    assert_eq!(found.models, ["a", "b", "a"]);
    assert_eq!(found.with_model(&body, "m").concat(), with(["m"; 4]));
    assert_eq!(found.with_model(&body, "a").concat(), with(["a"; 4]));
    let other = form(&part("name=\"models\"", "x"));
    assert_eq!(Form::read(KIND, &other).unwrap().models, [] as [&str; 0]);
}

#[test]
fn a_form_that_readers_read_in_different_ways_is_refused() {
    let model = "Content-Disposition: form-data; name=\"model\"";
    let head = |head: &str| format!("--xyz\r\n{head}\r\n\r\nm\r\n").into_bytes();
    let mut heads: Vec<Vec<u8>> = [
        "",
        "Content-Type: text/plain",
        "Content-Disposition: form-data",
        "Content-Disposition: attachment; name=\"model\"",
        "Content-Disposition: form-data; name=\"model\"; filename=\"\"",
        "Content-Disposition: form-data; name=\"model\"; filename*=utf-8''m",
        "Content-Disposition: form-data; name=\"mo\\del\"",
        "Content-Disposition: form-data; name=\"x\"; name=\"model\"",
        "Content-Disposition: form-data; name*=utf-8''m%6fdel",
        "Content-Disposition: form-data; name*0=mo; name*1=del",
        "Content-Disposition: form-data; name=\"x\"; filename=\"a\\\"; name=\"model\"",
        "Content-Disposition: form-data; name =\"model\"",
        "Content-Disposition: form-data; name=\"model",
        "Content-Disposition: form-data; name=\"x\" name=\"model\"",
        "Content-Disposition: form-data; name=model[]",
        "Content-Disposition: form-data;\r\n name=\"model\"",
        "Content-Disposition : form-data; name=\"model\"",
        "Content-Disposition\r\nContent-Disposition: form-data; name=\"x\"",
        "X: 1\nContent-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"x\"\r\nContent-Type: multipart/mixed; boundary=inner",
        "Content-Disposition: form-data; name=\"mod\0el\"",
    ]
    .map(head)
    .to_vec();
    for line in [
        "Content-Transfer-Encoding: base64",
        "content-type: text/plain; charset=utf-16",
    ] {
        heads.push(head(&format!("{model}\r\n{line}")));
    }
    for (part, end) in [
        ("--xyz x\r\n", "--xyz--\r\n"),
        ("--xyz \r\n", "--xyz--\r\n"),
        ("--xyz\n", "--xyz--\r\n"),
        (" --xyz\r\n", "--xyz--\r\n"),
        ("--xyz\r\n", "--xyz--x\r\n"),
        ("--xyz\r\n", "--xyz--\r\n--xyz\r\n"),
        ("--xyz\r\n", "--xyz-\r\n"),
        ("--xyz\r\n", ""),
        ("preamble\n--xyz\r\n", "--xyz--"),
    ] {
        let body = format!("{part}{model}\r\n\r\nm\r\n{end}");
        assert!(Form::read(KIND, body.as_bytes()).is_err(), "{body:?}");
    }
    for head in heads {
        let body = [FILE.as_bytes(), &head, b"--xyz--\r\n"].concat();
        assert!(Form::read(KIND, &body).is_err(), "{}", String::from_utf8_lossy(&body));
    }
    for value in ["m\0x", "m\nx", "m\r\nx"] {
        let body = form(&part("name=\"model\"", value));
        assert!(Form::read(KIND, &body).is_err(), "{value:?}");
    }
}

#[test]
fn names_of_files_may_be_in_any_script() {
    let model = part("name=\"model\"", "m");
    for name in [
        &b"\xE8\xAF\xAD.wav"[..],
        b"caf\xE9.wav",
        b"C:\\sound\\a.wav",
        b"a;b=c.wav",
        b"",
    ] {
        let head = [
            b"--xyz\r\nX-Odd: \xFF\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
            name,
            b"\"",
        ]
        .concat();
        let body = [&head, &b"\r\n\r\n\0\r\n"[..], model.as_bytes(), b"--xyz--"].concat();
        assert_eq!(Form::read(KIND, &body).unwrap().model(), Some("m"));
    }
    // The field itself is found whatever stands in lines beside it.
    let head = b"--xyz\r\nX-Odd: \xFF\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--xyz--\r\n";
    assert_eq!(Form::read(KIND, head).unwrap().model(), Some("m"));
}

#[test]
fn what_is_not_a_form_is_refused() {
    for (kind, body) in [
        ("application/json", "{}"),
        ("multipart/form-data", FILE),
        (KIND, ""),
        (KIND, "--xyz\r\nno end"),
        ("multipart/form-data; boundary=", FILE),
        ("multipart/form-data; boundary=xyz; boundary=abc", FILE),
        ("multipart/form-data; boundary*=utf-8''xyz", FILE),
    ] {
        assert!(Form::read(kind, body.as_bytes()).is_err(), "{kind} {body}");
    }
    assert_eq!(Form::read(KIND, &form("")).unwrap().model(), None);
}

proptest! {
    #[test]
    fn no_body_panics_and_other_parts_stay(noise in proptest::collection::vec(any::<u8>(), 0..200), model in "[a-z0-9/-]{1,20}") {
        let _ = Form::read(KIND, &noise);
        let mut body = b"--xyz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n".to_vec();
        body.extend_from_slice(&noise);
        body.extend_from_slice(b"\r\n--xyz\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nold\r\n--xyz--\r\n");
        let body = Bytes::from(body);
        if let Ok(found) = Form::read(KIND, &body) {
            let patched = found.with_model(&body, &model).concat();
            prop_assert_eq!(patched.len(), body.len() - 3 + model.len());
            prop_assert!(memmem::find(&patched, &noise).is_some());
            let read = Form::read(KIND, &patched).unwrap();
            prop_assert_eq!(read.model(), Some(&*model));
        }
    }

    #[test]
    fn no_head_panics(head in "(Content-Disposition: form-data|; ?name=|\"|model|\r\n|;|=|[ -~]){0,12}") {
        let body = format!("--xyz\r\n{head}\r\n\r\nm\r\n--xyz--\r\n");
        let _ = Form::read(KIND, body.as_bytes());
    }
}
