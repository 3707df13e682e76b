//! Tickets of the official libraries, every refusal, and any bytes at all.

use proptest::prelude::*;

use super::*;

/// The sample key of the official libraries' README.
const KEY_1: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const APP_1: AppId = AppId(1_400_000_000);
const APP_2: AppId = AppId(1_600_000_001);
const MADE: u64 = 1_600_000_000;

/// Made by the official Python library, the clock frozen at [`MADE`]. V1 also by the npm library, in another order.
const V1: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFEzNPXFmekgGwyjTAPy0l2y3BNL01KDMwPynUorUjwizV29jb1CUhyzfAMsjYNNvMvCjH1tlWoBGhAzGw__";
const V1_NPM: &str = "eJyrVgrxCdYrSy1SslIy0jNQ0gHzM1NS80oy0zLBwhWZiflZpXlQqeKU7MSCgswUJStDEwMogMiUZOamKlkZmqGKplYUZBaBxE1NTY3gosWZ6UpWSoZRpgF56S5Z7omlaanBmQH5TqUVKR6R5q7exl4hKY5ZvgGWxsEm3mVhxr62SrUAnj0xuw__";
const V2: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFEzNPWlxalFSaVpIFsiw72y4FZkpoOELEvKUipLSw0Ng4IrijzLIwwqnA1M88PNfVICKsLyqrKrnAqSg0L0QwvTfG2VagEFajsQ";
const V3: &str = "eJxdjt0KgkAQRl8l9jpElywJupAwIzIUhdI7zdHWv9Z1DS1699SsoO9m4JwZ5nsgZ28LN2BoOUFYENF0MhASQsFJRN6iIf41qYuPrMLUp5SEnZJm4pjRQUMJg97Isox-nJN8oPO--boCFtRR-0VV1S3o2SXAVAqyQ*vEHVmfLVfjoPYxlWF8a5C4P7MsVzlSkxf3hevZOqZgJelpU7ZZGZsGeDljO19j1Gi0FXq*AP1VRm0_";
const V4: &str = "eJxdjk0LgkAURf*KzLYQtZQKXCiUIWVGutDdmKOOmY7fSvTfy9EKuqvHORfefQDrcGEbVIANAwSWA3OGEuyjtMIBHkWHYRbX6UeW-g0Sgv234pfclMmhjuACDUYUReHHK3ynVPrr1yUqvDoYvihnZY*0JPIEwnuJ0VuhQuNsK0QPczUCxY1cTc*h0MrfSTikQ8vQKuFu0Ts5b2WGpzaRFNun2RrFgXolrSZl0K6OgalzMni*AFMiSXo_";
const V5: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkUvLzi3QLEvNSc*INDGFKilOyEwsKMlOACgzNDCDAECqXWlGQWZQKlLEwMzEwgAqWZOamIiuGiRdnpoMscfUKSE6uyvfW9gn399FProjM9zWJCrDMCk02dyoIMyjKztLPSM*zzLZMy7ZVqgUA0tU0sw__";
const V6: &str = "eJxNjskOgjAURX*FdOtAq*CUuKhD3SARNA5sDEOBBhUsCA7x36Wixrt4i3PPy3sPsNKWzZxyMJBAqwlBXXoT5tFTxnxWFV4c80Zin*hhD9FXSb3IThLmlQLqwCro09FrwjgtmzaEH5SxI-1Xv-ySUu5cfHEGY6xbs37uMlTsNurBIb1ivu7TKSayyBYpplZKeByLiX*fsECsx4ZFwiXphnqmKdrIMGsLNXLU4g7hjDuuHZF0cpPPUMfBEDxfS-FG7A__";

fn key_1() -> SecretKey {
    KEY_1.parse().unwrap()
}

fn key_2() -> SecretKey {
    "k".repeat(64).parse().unwrap()
}

fn user(name: &str) -> UserId {
    name.parse().unwrap()
}

/// A zlib stream around any JSON, as a token.
fn pack(json: &str) -> String {
    codec::to_text(&codec::deflate(json.as_bytes()))
}

/// The JSON inside a token.
fn unpack(token: &str) -> String {
    String::from_utf8(codec::inflate(&codec::from_text(token).unwrap()).unwrap()).unwrap()
}

#[test]
fn the_official_tickets_are_valid() {
    for (token, userbuf) in [(V1, None), (V1_NPM, None), (V2, Some(b"abc".to_vec()))] {
        let claims = verify(APP_1, &key_1(), &user("xiaojun"), token, MADE).unwrap();
        let expected = Claims { user: user("xiaojun"), app: APP_1, issued_at: MADE, expire: 15_552_000, userbuf };
        assert_eq!(claims, expected);
    }
    assert!(read(V2).unwrap().rights().is_err(), "`abc` is no room-rights structure");
    assert_eq!(read(V1).unwrap().rights(), Ok(None));
}

#[test]
fn the_official_room_rights_are_read() {
    let rights = |key: SecretKey, app, name, token| {
        verify(app, &key, &user(name), token, MADE).unwrap().rights().unwrap().unwrap()
    };
    let expected = |room: &str, rights, expires_at| RoomRights { room: room.parse().unwrap(), rights, expires_at };
    assert_eq!(rights(key_1(), APP_1, "xiaojun", V3), expected("10000", Rights::ALL, 1_615_552_000));
    assert_eq!(rights(key_1(), APP_1, "xiaojun", V4), expected("adbjkl", Rights::ALL, 1_615_552_000));
    assert_eq!(rights(key_2(), APP_2, "door-panel_01", V6), expected("2147483647", Rights(42), 1_600_000_300));
}

#[test]
fn ours_carry_the_signature_of_the_official_ones() {
    let (xiaojun, door) = (user("xiaojun"), user("door-panel_01"));
    let with_rights = |name: &UserId, app, key, expire, room: &str, rights| {
        make_with_rights(app, key, name, MADE, expire, &room.parse().unwrap(), rights)
    };
    for (ours, official) in [
        (make(APP_1, &key_1(), &xiaojun, MADE, 15_552_000), V1),
        (make(APP_2, &key_2(), &door, MADE, 86_400), V5),
        (with_rights(&xiaojun, APP_1, &key_1(), 15_552_000, "10000", Rights::ALL), V3),
        (with_rights(&xiaojun, APP_1, &key_1(), 15_552_000, "adbjkl", Rights::ALL), V4),
        (with_rights(&door, APP_2, &key_2(), 300, "2147483647", Rights(42)), V6),
    ] {
        assert_eq!(codec::open(&ours).unwrap(), codec::open(official).unwrap());
    }
}

#[test]
fn the_last_second_counts() {
    let at = |now| verify(APP_2, &key_2(), &user("door-panel_01"), V5, now).map_err(|error| error.code());
    assert!(at(1_600_086_400).is_ok());
    assert_eq!(at(1_600_086_401), Err(70001));
}

#[test]
fn a_clock_may_differ_by_five_minutes() {
    let at = |now| verify(APP_2, &key_2(), &user("door-panel_01"), V5, now).map_err(|error| error.code());
    assert!(at(MADE - CLOCK_SKEW_SECS).is_ok());
    assert_eq!(at(MADE - CLOCK_SKEW_SECS - 1), Err(70003));
    assert_eq!(at(0), Err(70003));
}

#[test]
fn another_app_user_or_key_is_told_apart() {
    let code = |app, key, name: &str| verify(app, &key, &user(name), V1, MADE).unwrap_err().code();
    assert_eq!(code(APP_2, key_1(), "xiaojun"), 70014);
    assert_eq!(code(APP_1, key_1(), "Xiaojun"), 70013);
    assert_eq!(code(APP_1, key_2(), "xiaojun"), 70009);
}

#[test]
fn only_a_genuine_ticket_is_called_expired() {
    let long_after = MADE * 2;
    let code = |key| verify(APP_1, &key, &user("xiaojun"), V1, long_after).unwrap_err().code();
    assert_eq!(code(key_1()), 70001);
    assert_eq!(code(key_2()), 70009);
}

#[test]
fn no_text_and_too_much_text_are_refused_unread() {
    assert_eq!(read("").unwrap_err().code(), 70002);
    assert_eq!(read(&"e".repeat(MAX_TOKEN_BYTES + 1)), Err(TicketError::TooLong { bytes: MAX_TOKEN_BYTES + 1 }));
}

#[test]
fn a_ticket_cut_anywhere_is_refused() {
    for end in 1..V3.len() {
        assert_eq!(read(&V3[..end]).unwrap_err().code(), 70003, "cut after {end}");
    }
}

#[test]
fn the_base64_of_others_is_refused() {
    for wrong in
        [V3.replace('*', "+"), V3.replace('-', "/"), V3.replace('_', "="), V3.replace('_', ""), format!("{V3}\n")]
    {
        assert_eq!(read(&wrong).unwrap_err().code(), 70003, "{wrong}");
    }
}

#[test]
fn something_after_the_zlib_stream_is_refused() {
    let mut packed = codec::from_text(V1).unwrap();
    packed.push(0);
    assert!(read(&codec::to_text(&packed)).unwrap_err().to_string().contains("follows its end"));
}

#[test]
fn a_small_token_does_not_grow_large() {
    let bomb = pack(&" ".repeat(1_000_000));
    assert!(bomb.len() < MAX_TOKEN_BYTES);
    assert!(read(&bomb).unwrap_err().to_string().contains("8 KiB"));
    let full = format!("{}{}", unpack(V1), " ".repeat(8 * 1024 - unpack(V1).len()));
    assert!(read(&pack(&full)).is_ok(), "8 KiB are allowed");
    assert!(read(&pack(&format!("{full} "))).is_err(), "one more is not");
}

#[test]
fn order_and_spacing_do_not_matter() {
    let json = unpack(V5);
    let body: serde_json::Value = serde_json::from_str(&json).unwrap();
    let tidy = serde_json::to_string_pretty(&body).unwrap();
    for same in [format!("{json}\n"), tidy, body.to_string(), json.replace("\"TLS.ver\"", "\"other\": 1, \"TLS.ver\"")]
    {
        assert!(verify(APP_2, &key_2(), &user("door-panel_01"), &pack(&same), MADE).is_ok(), "{same}");
    }
}

#[test]
fn json_that_is_no_ticket_is_refused() {
    let json = unpack(V5);
    let without = |text: &str, with: &str| {
        assert!(json.contains(text), "{text} in {json}");
        json.replacen(text, with, 1)
    };
    for bad in [
        without("\"2.0\"", "\"2.1\""),
        without("\"2.0\"", "2.0"),
        without("\"TLS.ver\": \"2.0\", ", ""),
        without("\"TLS.time\"", "\"TLS.expire\": 86400, \"TLS.time\""),
        without("86400", "-5"),
        without("86400", "1e3"),
        without("1600000001", "5000000000"),
        without("door-panel_01", "door\\nTLS.sdkappid:1"),
        without("\"TLS.sig\": \"", "\"TLS.sig\": \"*"),
        without("}", "} {}"),
        "[\"2.0\",\"a\",1,1,1,null,\"\"]".to_owned(),
        "null".to_owned(),
        String::new(),
    ] {
        assert_eq!(read(&pack(&bad)).unwrap_err().code(), 70003, "{bad}");
    }
}

#[test]
fn a_signature_of_another_length_is_another_signature() {
    let json = unpack(V5);
    let sig = json.split('"').rev().nth(1).unwrap();
    for other in ["", "AAAA", &"A".repeat(64)] {
        let error =
            verify(APP_2, &key_2(), &user("door-panel_01"), &pack(&json.replace(sig, other)), MADE).unwrap_err();
        assert_eq!(error.code(), 70009, "{other}");
    }
}

#[test]
fn a_ticket_for_no_span_of_time_is_refused() {
    for expire in [0, u64::MAX, u64::MAX - MADE + 1] {
        let token = make(APP_1, &key_1(), &user("anna"), MADE, expire);
        let error = verify(APP_1, &key_1(), &user("anna"), &token, MADE).unwrap_err();
        assert_eq!(error, TicketError::BadLifetime { expire });
    }
    let longest = make(APP_1, &key_1(), &user("anna"), MADE, u64::MAX - MADE);
    assert!(verify(APP_1, &key_1(), &user("anna"), &longest, MADE).is_ok());
}

#[test]
fn no_changed_character_makes_another_ticket() {
    // Some bits of a deflate stream say nothing (the padding before its end), so a change may leave the claims as they were.
    for original in [V1, V2, V3, V4] {
        let claims = read(original).unwrap();
        for (at, was) in original.bytes().enumerate() {
            for now in (0..=127u8).filter(|now| *now != was) {
                let mut bytes = original.as_bytes().to_vec();
                bytes[at] = now;
                let changed = String::from_utf8(bytes).unwrap();
                if let Ok(passed) = verify(APP_1, &key_1(), &user("xiaojun"), &changed, MADE) {
                    assert_eq!(passed, claims, "byte {at} changed to {now}");
                }
            }
        }
    }
}

prop_compose! {
    fn any_user()(name in "[A-Za-z0-9_-]{1,32}") -> UserId {
        user(&name)
    }
}

proptest! {
    #[test]
    fn any_text_is_answered(text in ".{0,300}", packed in "[A-Za-z0-9*_-]{0,300}", json in ".{0,200}", bytes: Vec<u8>) {
        for token in [text, packed, pack(&json), codec::to_text(&bytes)] {
            if let Ok(claims) = read(&token) {
                let _ = claims.rights();
            }
        }
    }

    #[test]
    fn any_claims_go_round(
        app: u32, key in "[!#-&(-_a-~]{1,80}", name in any_user(), now in 0..=u64::from(u32::MAX), expire in 1..=u64::from(u32::MAX),
        room in "[1-9][0-9]{0,8}|[A-Za-z ,]{1,64}", rights: u8,
    ) {
        let (app, key): (_, SecretKey) = (AppId(app), key.parse().unwrap());
        let plain = make(app, &key, &name, now, expire);
        let claims = verify(app, &key, &name, &plain, now).unwrap();
        prop_assert_eq!((claims.issued_at, claims.expire, claims.userbuf), (now, expire, None));

        let room: Room = room.parse().unwrap();
        let token = make_with_rights(app, &key, &name, now, expire, &room, Rights(rights));
        let claims = verify(app, &key, &name, &token, now + expire).unwrap();
        let expected = RoomRights { room, rights: Rights(rights), expires_at: (now + expire).try_into().unwrap_or(u32::MAX) };
        prop_assert_eq!(claims.rights(), Ok(Some(expected)));
        let late = verify(app, &key, &name, &token, now + expire + 1).unwrap_err();
        prop_assert_eq!(late, TicketError::Expired { ago_secs: 1 });
    }

    #[test]
    fn a_changed_claim_is_not_signed(now in 0..u64::from(u32::MAX), expire in 1..1_000_000u64, more in 1..1_000_000u64) {
        let token = make(APP_1, &key_1(), &user("anna"), now, expire);
        let json = unpack(&token);
        let longer = json.replace(&format!("\"TLS.expire\":{expire}"), &format!("\"TLS.expire\":{}", expire + more));
        let later = json.replace(&format!("\"TLS.time\":{now}"), &format!("\"TLS.time\":{}", now + more));
        let other = json.replace("anna", "otto");
        for (changed, name) in [(longer, "anna"), (later, "anna"), (other, "otto")] {
            prop_assert_ne!(&changed, &json);
            prop_assert_eq!(verify(APP_1, &key_1(), &user(name), &pack(&changed), now), Err(TicketError::WrongKey));
        }
    }

    #[test]
    fn any_bytes_are_rights_or_not(bytes: Vec<u8>, name in any_user()) {
        let claims = Claims { user: name, app: APP_1, issued_at: 0, expire: 1, userbuf: Some(bytes) };
        let _ = claims.rights();
    }
}
