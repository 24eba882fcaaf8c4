use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::id_token::{Expected, Person, TokenError, verify};
use super::{challenge, check_back};
use crate::clock::Clock;

const ISSUER: &str = "https://id.example.org";
const CLIENT: &str = "conpaas";
const NONCE: &str = "n0nce";

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Signer(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    fn key(&self, more: &Value) -> Value {
        let point = self.0.public_key().as_ref();
        let mut key = json!({"kty": "EC", "crv": "P-256", "x": encoded(&point[1..33]), "y": encoded(&point[33..])});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", encoded(signature))
    }
}

fn now() -> i64 {
    Clock::system().unix_seconds()
}

fn claims(change: &Value) -> Value {
    let mut claims =
        json!({"iss": ISSUER, "aud": CLIENT, "sub": "s-1", "nonce": NONCE, "iat": now(), "exp": now() + 300});
    let object = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        match value {
            Value::Null => drop(object.remove(name)),
            value => drop(object.insert(name.clone(), value.clone())),
        }
    }
    claims
}

fn keys(keys: &[Value]) -> JwkSet {
    serde_json::from_value(json!({ "keys": keys })).unwrap()
}

fn check(token: &str, set: &JwkSet) -> Result<Person, TokenError> {
    verify(token, set, &Expected { issuer: ISSUER, client_id: CLIENT, nonce: NONCE, now: now() })
}

#[test]
fn only_what_the_provider_says_to_us_now_of_this_login_counts() {
    let signer = Signer::new();
    let set = keys(&[signer.key(&json!({"kid": "k1", "use": "sig", "alg": "ES256"}))]);
    let header = json!({"alg": "ES256", "kid": "k1"});
    let table = [
        (json!({}), ""),
        (json!({"aud": [CLIENT]}), ""),
        (json!({"aud": [CLIENT, "other"], "azp": CLIENT}), ""),
        (json!({"iat": now() + 30, "exp": now() - 30}), ""),
        (json!({"iss": "https://evil.example"}), "InvalidIssuer"),
        (json!({"iss": format!("{ISSUER}/")}), "InvalidIssuer"),
        (json!({"iss": [ISSUER]}), "JSON"),
        (json!({"iss": null}), "JSON"),
        (json!({"aud": "other"}), "InvalidAudience"),
        (json!({"aud": []}), "InvalidAudience"),
        (json!({"aud": null}), "JSON"),
        (json!({"aud": [CLIENT, "other"]}), "for many"),
        (json!({"aud": [CLIENT, "other"], "azp": "other"}), "another client"),
        (json!({"azp": "other"}), "another client"),
        (json!({"nonce": "other"}), "another login"),
        (json!({"nonce": null}), "JSON"),
        (json!({"exp": now() - 120}), "ExpiredSignature"),
        (json!({"exp": null}), "exp"),
        (json!({"exp": "soon"}), "exp"),
        (json!({"nbf": now() + 600}), "ImmatureSignature"),
        (json!({"iat": now() - 3600}), "just now"),
        (json!({"iat": now() + 3600}), "just now"),
        (json!({"iat": null}), "JSON"),
        (json!({"sub": ""}), "nobody"),
        (json!({"sub": "a\u{0}b"}), "nobody"),
        (json!({"sub": "x".repeat(256)}), "nobody"),
        (json!({"sub": null}), "JSON"),
        (json!({"sub": 7}), "JSON"),
    ];
    for (change, wanted) in table {
        let outcome = check(&signer.token(&header, &claims(&change)), &set);
        match outcome {
            Ok(person) => assert!(wanted.is_empty() && person.subject == "s-1", "{change} is taken"),
            Err(error) => assert!(!wanted.is_empty() && error.to_string().contains(wanted), "{change}: {error}"),
        }
    }
}

#[test]
fn only_the_providers_own_keys_prove_anything() {
    let (signer, other) = (Signer::new(), Signer::new());
    let set = keys(&[signer.key(&json!({"kid": "k1"}))]);
    let good = claims(&json!({}));
    let point = signer.0.public_key().as_ref().to_vec();
    let refused = |token: String, set: &JwkSet| check(&token, set).expect_err("it proves nothing").to_string();

    assert!(refused(other.token(&json!({"alg": "ES256", "kid": "k1"}), &good), &set).contains("InvalidSignature"));
    assert_eq!(check(&signer.token(&json!({"alg": "ES256", "kid": "k2"}), &good), &set), Err(TokenError::UnknownKey));
    // Nothing, a secret that everybody knows, a key of the token's own.
    for algorithm in ["none", "None", "HS256", "ES512", ""] {
        let header = json!({"alg": algorithm, "kid": "k1"});
        let unsigned = format!("{}.{}.", encoded(header.to_string()), encoded(good.to_string()));
        refused(unsigned, &set);
        refused(signer.token(&header, &good), &set);
    }
    let message =
        format!("{}.{}", encoded(json!({"alg": "HS256", "kid": "k1"}).to_string()), encoded(good.to_string()));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &point), message.as_bytes());
    refused(format!("{message}.{}", encoded(tag)), &set);
    let secret = keys(&[json!({"kty": "oct", "kid": "k1", "k": encoded(&point)})]);
    refused(format!("{message}.{}", encoded(tag)), &secret);
    refused(signer.token(&json!({"alg": "ES256", "kid": "k1"}), &good), &secret);
    let own = json!({"alg": "ES256", "kid": "k1", "jwk": other.key(&json!({}))});
    refused(other.token(&own, &good), &set);
    // A key for another purpose, of another algorithm; a signature of another sort; no choice without a name.
    for more in [json!({"kid": "k1", "use": "enc"}), json!({"kid": "k1", "alg": "ES384"})] {
        refused(signer.token(&json!({"alg": "ES256", "kid": "k1"}), &good), &keys(&[signer.key(&more)]));
    }
    refused(signer.token(&json!({"alg": "RS256", "kid": "k1"}), &good), &set);
    refused(signer.token(&json!({"alg": "ES384", "kid": "k1"}), &good), &set);
    let unnamed = signer.token(&json!({"alg": "ES256"}), &good);
    assert!(check(&unnamed, &set).is_ok(), "there is one key only");
    let two = keys(&[signer.key(&json!({})), other.key(&json!({}))]);
    assert!(refused(unnamed, &two).contains("which of the provider's keys"));
    // What is no token, and one that is too long.
    for token in ["", ".", "..", "a.b", "a.b.c", "a.b.c.d"] {
        refused(token.to_owned(), &set);
    }
    let long = claims(&json!({"x": "x".repeat(70_000)}));
    assert!(refused(signer.token(&json!({"alg": "ES256", "kid": "k1"}), &long), &set).contains("too long"));
}

#[test]
fn an_address_counts_only_when_the_provider_has_verified_it() {
    let signer = Signer::new();
    let set = keys(&[signer.key(&json!({}))]);
    let shown = |change: &Value| check(&signer.token(&json!({"alg": "ES256"}), &claims(change)), &set).unwrap();
    let email = "a@example.org";
    for (verified, wanted) in [(json!(true), email), (json!("true"), email), (json!(false), ""), (json!(null), "")] {
        assert_eq!(shown(&json!({"email": email, "email_verified": verified})).email, wanted);
    }
    assert_eq!(shown(&json!({"preferred_username": "a\nb"})).username, "");
    assert_eq!(shown(&json!({"preferred_username": "zoé"})).username, "zoé");
}

#[test]
fn visitors_come_back_to_frontends_and_nowhere_else() {
    for (url, is_good) in [
        ("https://attic.local/external/back", true),
        ("https://[::1]:8443/external/back", true),
        ("https://attic.local/external/back/", false),
        ("https://attic.local/x/external/back", false),
        ("https://a@evil/external/back", false),
        ("https:///external/back", false),
        ("http://attic.local/external/back", false),
        ("", false),
    ] {
        assert_eq!(check_back(url).is_ok(), is_good, "{url}");
    }
    // The example of RFC 7636, appendix B.
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
