// The ciphers of TLS 1.2 that both sides of us accept; TLS 1.3 has only good ones. Forward secrecy
// first; CBC and plain RSA key exchange come last and are there for old mail servers, whose
// alternative would be no encryption at all (RFC 9325 §4.2, RFC 7435).
export const safeCiphers = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE+AESGCM', 'ECDHE+CHACHA20', 'DHE+AESGCM', 'ECDHE+AES', 'RSA+AESGCM', 'RSA+AES',
  '!aNULL', '!eNULL', '!MD5', '!PSK', '!SRP', '!aDSS', '!3DES', '!RC4',
].join(':')
