//! What the calls answer, from the side of who makes them.

#![expect(clippy::unnecessary_box_returns, reason = "boxes are what the interface gives out")]

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr;

use tollgate::capi::*;

/// What a call writes to a place that it is given.
fn made<T>(call: impl FnOnce(Option<&mut MaybeUninit<Option<T>>>) -> TgStatus) -> T {
    let mut place = MaybeUninit::new(None);
    assert_eq!(call(Some(&mut place)), TgStatus::Ok, "{}", last_error());
    written(place).unwrap()
}

#[expect(unsafe_code, reason = "as C reads a place that was written")]
fn written<T>(place: MaybeUninit<T>) -> T {
    // SAFETY: every place in this file is made with a value, or read after a call that wrote it.
    unsafe { place.assume_init() }
}

#[expect(unsafe_code, reason = "a text of C")]
fn text(text: *const c_char) -> &'static str {
    assert!(!text.is_null());
    // SAFETY: the texts of the interface end with a zero, and this one is read before the next
    // call of this thread.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap()
}

fn last_error() -> &'static str {
    text(tg_last_error())
}

fn unit(model: &str) -> Box<TgUnit> {
    let model = CString::new(model).unwrap();
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: the text ends with a zero.
    made(|place| unsafe { tg_unit_new(model.as_ptr(), place) })
}

fn set(unit: &mut TgUnit, key: &CStr, value: &CStr) -> TgStatus {
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: both texts end with a zero.
    unsafe {
        tg_unit_set(Some(unit), key.as_ptr(), value.as_ptr())
    }
}

fn license(unit: &TgUnit) -> Box<TgLicense> {
    made(|place| tg_license_of(Some(unit), place))
}

/// An ASA 5520 that admits this many connections.
fn gate(connections: &CStr) -> Box<TgGate> {
    let mut unit = unit("ASA 5520");
    assert_eq!(set(&mut unit, c"firewall-conns", connections), TgStatus::Ok);
    let license = license(&unit);
    made(|place| tg_gate_new(Some(&license), place))
}

fn worker(gate: &TgGate) -> Box<TgWorker> {
    made(|place| tg_worker_new(Some(gate), place))
}

fn admit(worker: &mut TgWorker, kind: TgKind) -> Result<TgToken, TgRefusal> {
    let (mut token, mut refusal) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    match tg_admit(Some(worker), kind as u32, Some(&mut token), Some(&mut refusal)) {
        TgStatus::Ok => Ok(written(token)),
        TgStatus::Refused => Err(written(refusal)),
        other => panic!("{other:?}"),
    }
}

fn usage(gate: &TgGate, limit: TgLimit) -> TgUsage {
    let mut usage = MaybeUninit::uninit();
    assert_eq!(tg_gate_usage(Some(gate), limit as u32, Some(&mut usage)), TgStatus::Ok);
    written(usage)
}

fn audit(gate: &TgGate) -> TgAudit {
    let mut audit = MaybeUninit::uninit();
    assert_eq!(tg_gate_audit(Some(gate), Some(&mut audit)), TgStatus::Ok);
    written(audit)
}

#[test]
fn a_refusal_tells_the_limit_and_what_it_allows() {
    let gate = gate(c"2");
    let mut worker = worker(&gate);
    let tokens = [(); 2].map(|()| admit(&mut worker, TgKind::Connection).unwrap());
    let refusal = admit(&mut worker, TgKind::Connection).unwrap_err();
    let (kind, limit) = (TgKind::Connection, TgLimit::FirewallConns);
    assert_eq!(refusal, TgRefusal { kind, limit, allowance: TgAllowance::Limited, units: 2 });
    assert_eq!((usage(&gate, limit).in_use, usage(&gate, limit).refused), (2, 1));
    for token in tokens {
        assert_eq!(tg_release(Some(&mut worker), token), TgStatus::Ok);
    }
    assert_eq!((usage(&gate, limit).in_use, usage(&gate, limit).peak), (0, 2));
    assert!(audit(&gate).is_clean && audit(&gate).is_idle);
}

#[test]
fn every_kind_is_admitted_and_given_back() {
    let mut unit = unit("ASA 5520");
    for (key, value) in [(c"firewall-conns", c"5"), (c"tls-proxy-maximum-sessions", c"10")] {
        assert_eq!(set(&mut unit, key, value), TgStatus::Ok, "{}", last_error());
    }
    let license = license(&unit);
    let gate = made(|place| tg_gate_new(Some(&license), place));
    let mut worker = worker(&gate);
    for kind in 0..18 {
        let name = text(tg_kind_name(kind));
        let mut token = MaybeUninit::uninit();
        match tg_admit(Some(&mut worker), kind, Some(&mut token), None) {
            TgStatus::Ok => {
                assert_ne!(written(token).bits, 0, "{name}");
                assert_eq!(tg_release(Some(&mut worker), written(token)), TgStatus::Ok, "{name}");
            }
            status => assert_eq!((status, name), (TgStatus::Refused, "ime"), "not licensed"),
        }
    }
    assert!(audit(&gate).is_clean && audit(&gate).is_idle);
    assert!(tg_kind_name(18).is_null() && tg_limit_name(15).is_null());
}

#[test]
fn a_burst_fills_as_many_places_as_there_is_room_for() {
    let gate = gate(c"20");
    let mut worker = worker(&gate);
    let mut tokens = [TgToken { bits: 0 }; 32];
    let (mut admitted, mut refusal) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: there is room for 32 tokens.
    let status = unsafe {
        let (admitted, refusal) = (Some(&mut admitted), Some(&mut refusal));
        tg_admit_up_to(Some(&mut worker), 0, tokens.as_mut_ptr(), 32, admitted, refusal)
    };
    assert_eq!((status, written(admitted)), (TgStatus::Refused, 20));
    assert_eq!(written(refusal).units, 20);
    assert_eq!(tokens.iter().filter(|token| token.bits != 0).count(), 20);
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: there are 32 tokens.
    let status = unsafe { tg_release_all(Some(&mut worker), tokens.as_ptr(), 32) };
    assert_eq!(status, TgStatus::BadToken, "twelve are none");
    assert!(audit(&gate).is_clean && audit(&gate).is_idle);
}

#[test]
fn what_is_no_token_is_not_given_back() {
    let gate = gate(c"2");
    let mut worker = worker(&gate);
    let _held = admit(&mut worker, TgKind::Connection).unwrap();
    for bits in [0, 18, 31, u64::MAX] {
        let token = TgToken { bits };
        assert_eq!(tg_release(Some(&mut worker), token), TgStatus::BadToken, "{bits}");
        assert_eq!(tg_token_start_client(token), token);
    }
    assert_eq!(usage(&gate, TgLimit::FirewallConns).in_use, 1);
    assert!(audit(&gate).is_clean);
}

#[test]
fn hosts_are_counted_where_the_model_limits_them() {
    let license = license(&unit("ASA 5505"));
    let gate = made(|place| tg_gate_new(Some(&license), place));
    assert!(tg_gate_counts_hosts(Some(&gate)));
    let mut worker = worker(&gate);
    let host = |last, zone| {
        let mut address = [0; 16];
        address[..4].copy_from_slice(&[10, 0, 0, last]);
        TgHost { address, family: 4, zone }
    };
    let server = host(200, 1);
    let (mut tokens, mut refusal) = (Vec::new(), MaybeUninit::uninit());
    let mut connect = |source: &TgHost| {
        let mut token = MaybeUninit::new(TgToken { bits: 0 });
        let (worker, place) = (Some(&mut *worker), Some(&mut token));
        let (source, server, why) = (Some(source), Some(&server), Some(&mut refusal));
        let status = tg_admit_connection(worker, source, server, place, why);
        tokens.push(written(token));
        status
    };
    for last in 1..=10 {
        assert_eq!(connect(&host(last, 0)), TgStatus::Ok);
    }
    assert_eq!(connect(&host(11, 0)), TgStatus::Refused);
    assert_eq!(connect(&TgHost { family: 5, ..host(1, 0) }), TgStatus::BadHost);
    assert_eq!(connect(&TgHost { zone: 2, ..host(1, 0) }), TgStatus::BadHost);
    assert_eq!(written(refusal).limit, TgLimit::InsideHosts);
    assert_eq!(usage(&gate, TgLimit::InsideHosts).in_use, 10);
    for token in tokens.into_iter().filter(|token| token.bits != 0) {
        assert_eq!(tg_release(Some(&mut worker), token), TgStatus::Ok);
    }
    assert!(audit(&gate).is_clean && audit(&gate).is_idle);
}

#[test]
fn a_clientless_session_ends_with_its_last_part() {
    let gate = gate(c"2");
    let mut worker = worker(&gate);
    let portal = admit(&mut worker, TgKind::Clientless).unwrap();
    let mut token = tg_token_start_client(portal);
    assert!(tg_token_end_part(Some(&mut token), TgPart::Portal as u32));
    assert!(!tg_token_end_part(Some(&mut token), TgPart::Client as u32));
    assert_eq!(usage(&gate, TgLimit::Clientless).in_use, 1);
    assert_eq!(tg_release(Some(&mut worker), token), TgStatus::Ok);
    assert_eq!(usage(&gate, TgLimit::Clientless).in_use, 0);
}

#[test]
fn a_licence_is_published_and_one_for_another_model_is_not() {
    let gate = gate(c"1");
    let mut other = unit("ASA 5520");
    assert_eq!(set(&mut other, c"firewall-conns", c"3"), TgStatus::Ok);
    assert_eq!(tg_gate_publish(Some(&gate), Some(&license(&other))), TgStatus::Ok);
    let foreign = license(&unit("ASA 5510"));
    assert_eq!(tg_gate_publish(Some(&gate), Some(&foreign)), TgStatus::OtherModel);
    assert!(last_error().contains("ASA 5510"), "{}", last_error());
    assert_eq!(usage(&gate, TgLimit::FirewallConns).units, 3);
    assert_eq!(
        why(&gate, 200),
        "280000: included (9.1 guide, Table 5-3)\n3: the operator's own limit"
    );
}

/// Why connections are limited as they are, in so much room.
fn why(gate: &TgGate, room: usize) -> String {
    let mut place: Vec<c_char> = vec![0x55; room];
    #[expect(unsafe_code, reason = "a call of C")]
    // SAFETY: there is as much room as is said.
    let length = unsafe { tg_gate_why(Some(gate), 0, place.as_mut_ptr(), room) };
    let why = text(place.as_ptr()).to_owned();
    assert_eq!(why.len(), length.min(room - 1), "{why}");
    why
}

#[test]
fn a_text_is_cut_where_there_is_no_more_room() {
    let gate = gate(c"3");
    assert_eq!(why(&gate, 7), "280000");
    assert_eq!(why(&gate, 1), "");
}

#[test]
fn null_and_nonsense_are_answered() {
    #![expect(unsafe_code, reason = "calls of C")]
    let gate = gate(c"1");
    let mut worker = worker(&gate);
    let null = TgStatus::NullPointer;
    assert_eq!(tg_admit(None, 0, None, None), null);
    assert_eq!(tg_admit(Some(&mut worker), 0, None, None), null);
    assert_eq!(tg_release(None, TgToken { bits: 1 }), null);
    assert_eq!(tg_worker_new(Some(&gate), None), null);
    assert_eq!(tg_gate_usage(None, 0, None), null);
    assert_eq!(tg_gate_publish(Some(&gate), None), null);
    let mut token = MaybeUninit::uninit();
    assert_eq!(tg_admit(Some(&mut worker), 18, Some(&mut token), None), TgStatus::NoSuchKind);
    let mut usage = MaybeUninit::uninit();
    assert_eq!(tg_gate_usage(Some(&gate), 15, Some(&mut usage)), TgStatus::NoSuchLimit);
    let failed = |model: *const c_char| {
        let mut place = MaybeUninit::new(None);
        // SAFETY: null, or a text that ends with a zero.
        let status = unsafe { tg_unit_new(model, Some(&mut place)) };
        assert!(written(place).is_none());
        status
    };
    assert_eq!(failed(ptr::null()), null);
    assert_eq!(failed(c"ASA 1234".as_ptr()), TgStatus::NotUnderstood);
    assert!(last_error().contains("`ASA 1234`"), "{}", last_error());
    assert_eq!(failed(c"ASA \xff".as_ptr()), TgStatus::NotUnderstood);
    assert!(last_error().ends_with("is not UTF-8"), "{}", last_error());
    tg_gate_free(None);
    tg_worker_free(None);
    tg_unit_free(None);
    tg_license_free(None);
    assert_eq!(text(tg_strerror(99)), "no such status");
    assert_eq!(text(tg_version()), env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_gate_reloads_a_units_file() {
    #![expect(unsafe_code, reason = "calls of C")]
    use tollgate::license::key::Authority;
    use tollgate::store::{Device, Moment};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("unit");
    let named = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the text ends with a zero.
    let open = |place: Option<&mut _>| unsafe { tg_license_open(named.as_ptr(), place) };
    let mut missing = MaybeUninit::new(None);
    assert_eq!(open(Some(&mut missing)), TgStatus::File);
    assert!(last_error().contains("there is no file"), "{}", last_error());

    let secret = Authority::from_secret([7; 32]).unit(&"JMX0912K04J".parse().unwrap());
    let entry = tollgate::catalogue::find("ASA 5520", None, None).unwrap();
    Device::new(entry, secret, &Moment::now().unwrap()).create(&path).unwrap();
    let gate = gate(c"1");
    // SAFETY: the text ends with a zero.
    assert_eq!(unsafe { tg_gate_reload(Some(&gate), named.as_ptr()) }, TgStatus::Ok);
    assert_eq!(usage(&gate, TgLimit::FirewallConns).units, 280_000);
    let license: Box<TgLicense> = made(open);
    let another = made(|place| tg_gate_new(Some(&license), place));
    assert_eq!(usage(&another, TgLimit::FirewallConns).units, 280_000);
}
