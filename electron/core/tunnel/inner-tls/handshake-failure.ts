import { SallyportError } from '../../../shared/errors.ts';

/** Node's and OpenSSL's codes for a failed hand-shake, with what they mean for the person. */
const known: Readonly<Record<string, readonly [code: string, message: string, hint?: string]>> = {
  ALERT_UNKNOWN_CA: [
    'tls_untrusted_ca',
    'The agent does not trust our certificate authority.',
    'Give it the certificate that "sallyport tunnel ca" prints.',
  ],
  ALERT_BAD_CERTIFICATE: [
    'tls_bad_certificate',
    'The agent refused our certificate.',
    'Check that it uses the address as Sallyport shows it, and trusts the certificate of "sallyport tunnel ca".',
  ],
  ALERT_CERTIFICATE_UNKNOWN: [
    'tls_bad_certificate',
    'The agent refused our certificate.',
    'Check that it uses the address as Sallyport shows it, and trusts the certificate of "sallyport tunnel ca".',
  ],
  ALERT_CERTIFICATE_EXPIRED: [
    'tls_certificate_expired',
    'The agent says that our certificate has expired.',
    'Check the clocks of both machines; "sallyport tunnel status" shows until when the certificate is good.',
  ],
  ERR_TLS_HANDSHAKE_TIMEOUT: ['tls_handshake_timeout', 'A connection opened and did not finish its TLS hand-shake.'],
  ERR_SSL_HTTP_REQUEST: ['tls_plain_http', 'A connection spoke HTTP without TLS.', 'Use an address with https://.'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['tls_not_tls', 'A connection did not speak TLS.'],
  ERR_SSL_UNSUPPORTED_PROTOCOL: ['tls_too_old', 'A connection spoke a TLS version before 1.2.'],
  ERR_SSL_NO_APPLICATION_PROTOCOL_SPECIFIED: [
    'tls_no_common_protocol',
    'A connection spoke neither HTTP/2 nor HTTP/1.1.',
  ],
  ECONNRESET: ['tls_handshake_aborted', 'A connection was closed during its TLS hand-shake.'],
};

/**
 * What a failed hand-shake was, for log and status. The text is ours: what the peer sent is not in it.
 * @param error as `tlsClientError` gives it
 */
export function handshakeFailure(error: Error & { readonly code?: unknown }): SallyportError {
  const reason = typeof error.code === 'string' ? error.code : error.name;
  // OpenSSL's and BoringSSL's releases name the same alert after other versions of the protocol.
  const alert = reason.replace(/^ERR_SSL_(?:SSLV3|TLSV1|SSL\/TLS)_(?=ALERT_)/, '');
  const [code, message, hint] = known[alert] ?? ['tls_handshake_failed', `A TLS hand-shake failed (${reason}).`];
  return new SallyportError(code, 'inner-tls', message, { ...(hint === undefined ? {} : { hint }), cause: error });
}

/**
 * A connection that was closed right after its hand-shake. Clients on Node check certificates only then, and send no alert:
 * from here it cannot be told from one that changed its mind.
 */
export function leftUnasked(): SallyportError {
  return new SallyportError(
    'tls_left_unasked',
    'inner-tls',
    'An agent connected and left without asking anything: it may not trust our certificate authority.',
    { hint: 'Give it the certificate that "sallyport tunnel ca" prints.' },
  );
}

/** Whether a failure tells something about an agent's set-up, and not only of a connection that nobody used. */
export function tellsOfAgent({ code }: SallyportError): boolean {
  return code.startsWith('tls_') && code !== 'tls_handshake_timeout' && code !== 'tls_handshake_aborted';
}
