//! Mail addresses from the wire: the forms we write are read back as the same address.
#![no_main]

use codec::address::Address;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(address) = Address::parse_bytes(bytes) else { return };
    assert_eq!(Address::parse(&address.to_string()), Ok(address.clone()), "its text is another address");

    if let Ok(stored) = address.stored() {
        assert_eq!(stored.stored(), Ok(stored.clone()), "what is stored has another form to be stored in");
        assert_eq!(Address::parse(&stored.to_string()), Ok(stored), "what is stored is another address");
    }
    if let Some((plain, detail)) = address.without_detail('+') {
        assert_eq!(
            format!("{}+{detail}", plain.local()),
            address.local(),
            "the detail is not what was cut off"
        );
        assert_eq!(Address::parse(&plain.to_string()), Ok(plain), "without its detail it is no address");
    }
    if let Ok(shown) = Address::parse(&address.shown()) {
        assert_eq!(shown, address, "what people see is another address");
    }
});
