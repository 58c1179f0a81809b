import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { type WritableProgram, writablePrograms } from '../../../electron/shared/programs.ts';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { ChangeLine } from '../../components/text-changes.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** *Write it for me*: the exact change to a program's file, then the change itself. */
export function WriteDialog({ slug, program, onClose }: { slug: string; program: WritableProgram; onClose(): void }) {
  const { bridge } = useServices();
  const [token, setToken] = useState(false);
  const [proposal, setProposal] = useState<RequestOutput<'connect.propose'>>();
  const [written, setWritten] = useState<RequestOutput<'connect.write'>>();
  const words = texts.write;
  const wish = { server: slug, program, ...(token ? { token } : {}) };
  const look = useAction(async (withToken: boolean) => {
    setToken(withToken);
    setProposal(undefined);
    setProposal(
      await bridge.request('connect.propose', { server: slug, program, ...(withToken ? { token: true } : {}) }),
    );
  });
  const { start } = look;
  useEffect(() => start(false), [start]);
  const write = useAction(async () => {
    if (!proposal) return;
    // The button says where a token would go; pressing it is the second step.
    const inRepository = token && proposal.repository !== undefined ? { inRepository: true } : {};
    setWritten(await bridge.request('connect.write', { ...wish, digest: proposal.digest, ...inRepository }));
  });
  const name = writablePrograms[program];
  if (written) {
    return (
      <Dialog title={words.doneTitle(name)} onClose={onClose}>
        <p>{words.done(name)}</p>
        <p className="faint">{written.kept === undefined ? words.fresh : words.kept(written.kept)}</p>
        <footer className="dialog-foot">
          <button type="button" className="button primary" onClick={onClose}>
            {texts.token.done}
          </button>
        </footer>
      </Dialog>
    );
  }
  const published = token && proposal?.repository !== undefined;
  return (
    <Dialog title={words.title(name)} onClose={onClose}>
      {proposal && (
        <>
          <p>{proposal.exists ? words.changes : words.makes}</p>
          <p className="mono">{proposal.file}</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
          <section className="block-scroll changes mono" aria-label={words.lines} tabIndex={0}>
            {proposal.lines.map((line, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place.
              <ChangeLine key={index} change={line} indented />
            ))}
          </section>
          <p>
            <label>
              <input type="checkbox" checked={token} onChange={({ target }) => look.start(target.checked)} />{' '}
              {words.token} <span className="faint">{words.tokenHint}</span>
            </label>
          </p>
          {published && <p className="notice warning">{words.repository(proposal.repository ?? '')}</p>}
        </>
      )}
      <Failure error={look.error ?? write.error} />
      <footer className="dialog-foot">
        {/* biome-ignore lint/a11y/noAutofocus: the safe button of a dialog that was just opened by a click. */}
        <button type="button" className="button" autoFocus onClick={onClose}>
          {texts.cancel}
        </button>
        <button
          type="button"
          className={published ? 'button danger' : 'button primary'}
          disabled={!proposal || write.pending}
          onClick={() => write.start()}
        >
          {published ? words.doPublished : words.do}
        </button>
      </footer>
    </Dialog>
  );
}
