import { useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { CopyButton } from '../../components/copy-button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Consent = Extract<RequestOutput<'servers.authorize'>, { step: 'consent' }>;

/** Sallyport's own sign-in at a server that wants one: where and for what is shown before any browser opens. */
export function SignInPart({ server }: { server: ServerView }) {
  const { bridge } = useServices();
  const [consent, setConsent] = useState<Consent>();
  const [page, setPage] = useState<string>();
  const look = useAction(async () => {
    const answer = await bridge.request('servers.authorize', { server: server.slug });
    if (answer.step === 'consent') setConsent(answer);
  });
  const out = useAction(async () => void (await bridge.request('servers.signOut', { server: server.slug })));
  const words = texts.servers.signIn;
  const { signIn } = server;
  if (server.kind !== 'http' || !signIn) return null;
  if (signIn.state === 'authorized') {
    return (
      <p className="sheet-what">
        <span className="faint">
          <Outside text={words.done(signIn.issuer ?? '')} max={300} />
        </span>
        <button type="button" className="button quiet" disabled={out.pending} onClick={() => out.start()}>
          {words.out}
        </button>
        <Failure error={out.error} />
      </p>
    );
  }
  return (
    <section className="notice warning stacked" aria-label={words.title}>
      {signIn.state === 'waiting' ? (
        <>
          <p role="status">{page === undefined ? words.waitingElsewhere : words.waiting}</p>
          {page !== undefined && (
            <p className="address">
              <code className="mono" translate="no">
                <Outside text={page} max={4_096} />
              </code>
              <CopyButton text={page} />
            </p>
          )}
        </>
      ) : (
        <p>{words.needed}</p>
      )}
      <Failure error={look.error} />
      <p>
        <button type="button" className="button" disabled={look.pending} onClick={() => look.start()}>
          {words.look}
        </button>
      </p>
      {consent && (
        <ConsentDialog
          server={server}
          consent={consent}
          onClose={() => setConsent(undefined)}
          onPage={(url) => {
            setConsent(undefined);
            setPage(url);
          }}
        />
      )}
    </section>
  );
}

function ConsentDialog({
  server,
  consent,
  onClose,
  onPage,
}: {
  server: ServerView;
  consent: Consent;
  onClose(): void;
  onPage(url: string): void;
}) {
  const { bridge } = useServices();
  const words = texts.servers.signIn;
  const go = useAction(async () => {
    const answer = await bridge.request('servers.authorize', { server: server.slug, agree: consent.digest });
    if (answer.step === 'browser') onPage(answer.url);
  });
  const facts: readonly (readonly [string, string])[] = [
    [words.where, consent.issuer],
    [words.page, consent.page],
    [words.scopes, consent.scopes.length > 0 ? consent.scopes.join(' ') : words.noScopes],
    ...(consent.resource === undefined ? [] : ([[words.resource, consent.resource]] as const)),
  ];
  return (
    <Dialog title={words.dialog(visibleText(server.name, { max: 80 }))} onClose={onClose}>
      <dl className="facts">
        {facts.map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              <Outside text={value} max={600} mono />
            </dd>
          </div>
        ))}
      </dl>
      <Failure error={go.error} />
      <footer className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          {texts.cancel}
        </button>
        <button type="button" className="button primary" disabled={go.pending} onClick={() => go.start()}>
          {words.go}
        </button>
      </footer>
    </Dialog>
  );
}
