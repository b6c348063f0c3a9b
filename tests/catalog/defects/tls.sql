-- What the network sees of TLS, where a setting alone makes the defect; certificates are in tests/tls_probe.rs.

-- The library of this server speaks what it is configured for.
-- control: tls-old-protocols-refused
-- expect: localhost:
-- count: 2
-- also: tls-minimum-protocol
-- setting: ssl_min_protocol_version = TLSv1

-- No word of the list is a weak one but its level, and a suite without authentication is in it.
-- control: tls-weak-ciphers-refused
-- expect: TLSv1.2 TLS_ECDH_anon_WITH_AES_256_CBC_SHA
-- also: tls-ciphers
-- setting: ssl_ciphers = ECDHE+AESGCM:AECDH-AES256-SHA:@SECLEVEL=0

-- What is configured is judged by the other one.
-- control: tls-server-order
-- expect: leaves the choice to the client with TLSv1.2
-- also: tls-server-preference
-- setting: ssl_prefer_server_ciphers = off
