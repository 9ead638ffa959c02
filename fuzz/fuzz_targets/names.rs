//! Domain names and typed names: their stored form is stable.
#![no_main]

use codec::{domain, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|typed: &str| {
    if let Ok(stored) = domain::parse(typed) {
        assert!(stored.is_ascii() && stored.len() <= 253, "{stored}");
        assert_eq!(domain::parse(&stored), Ok(stored.clone()), "the stored name has another stored form");
        // A name that is shown in Unicode and typed again is the same name, where it can be typed at all.
        if let Ok(again) = domain::parse(&domain::shown(&stored)) {
            assert_eq!(again, stored, "what people see is another name");
        }
    }
    if let Ok(name) = text::name("name", typed, 200) {
        assert!(name.len() <= 200, "{} bytes", name.len());
        let again = text::name("name", &name, 200).map_err(|error| error.to_string());
        assert_eq!(again, Ok(name), "a kept name is changed when it is typed again");
    }
});
