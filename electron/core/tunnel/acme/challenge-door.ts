import type { Duplex } from 'node:stream';
import { createServer, type Server } from 'node:tls';
import type { Clock } from '../../../shared/clock.ts';
import { peekClientHello } from '../edge/client-hello.ts';
import type { InnerTlsCertificate } from '../inner-tls/inner-tls.ts';

/** Protocol by which a certificate authority asks for a challenge's certificate (RFC 8737 §3). */
export const challengeAlpn = 'acme-tls/1';

/** Answers a certificate authority that checks who holds the name (TLS-ALPN-01), beside ordinary connections. */
export interface ChallengeDoor {
  /** Serves this certificate to whoever asks for `acme-tls/1`. @returns takes it away */
  present(certificate: InnerTlsCertificate): () => void;
  /** Answers a challenge's connection; all others go on to `pass`, their bytes untouched. */
  sort(stream: Duplex, pass: () => void): void;
}

/** Longest that a challenge's connection may live, in milliseconds: it is over with the hand-shake. */
const lifetimeMs = 10_000;

/**
 * While a challenge is open, each connection is told by a look at its ClientHello, since `SNICallback` cannot see ALPN and
 * would give ordinary clients the challenge's certificate. While none is, nothing is looked at.
 */
export function createChallengeDoor(clock: Clock): ChallengeDoor {
  let server: Server | undefined;
  return {
    present(certificate) {
      const mine = createServer({ ...certificate, ALPNProtocols: [challengeAlpn], minVersion: 'TLSv1.2' });
      mine.on('tlsClientError', (_error, socket) => socket.destroy());
      // By RFC 8737 nothing is said inside: the hand-shake was the answer.
      mine.on('secureConnection', (socket) => {
        socket.on('error', () => undefined);
        socket.resume();
        socket.end();
      });
      server = mine;
      return () => {
        if (server === mine) server = undefined;
      };
    },
    sort(stream, pass) {
      if (!server) return pass();
      stream.on('error', () => undefined);
      peekClientHello(stream, { clock }).then(
        ({ alpn }) => {
          if (!server || !alpn.includes(challengeAlpn)) return pass();
          const cancel = clock.schedule(lifetimeMs, () => stream.destroy());
          stream.once('close', cancel);
          server.emit('connection', stream);
        },
        () => stream.destroy(),
      );
    },
  };
}
