import { useCallback, useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Empty } from '../../components/empty.tsx';
import { Failure } from '../../components/failure.tsx';
import { BackIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { Segmented } from '../../components/segmented.tsx';
import { linkTo } from '../../navigation.ts';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Proposal = RequestOutput<'policy.propose'>['proposals'][number];

const spans = ['7', '30', '90'] as const;

/** The review of the watch mode: what the person allowed by hand, as rules that would have answered, each to be adopted or left. */
export function ProposalsPage() {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const [span, setSpan] = useState<(typeof spans)[number]>('30');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [inForce, setInForce] = useState<number>();
  const { proposals, error, reload } = useProposals(Number(span));
  const ids = proposals?.map(({ id }) => id).filter((id) => chosen.has(id)) ?? [];
  const adopt = useAction(async () => {
    const answer = await bridge.request('policy.adopt', { ids, days: Number(span) });
    setInForce(answer.rules);
    setChosen(new Set());
    reload();
  });
  const turn = (id: string, on: boolean) =>
    setChosen((before) => new Set([...[...before].filter((each) => each !== id), ...(on ? [id] : [])]));
  const words = texts.proposals;
  return (
    <div className="page">
      <p className="back">
        <a href={linkTo('approvals')}>
          <BackIcon />
          {texts.pages.approvals}
        </a>
      </p>
      <header className="page-head">
        <h1>{words.title}</h1>
        <div className="page-actions">
          <button
            type="button"
            className="button primary"
            disabled={ids.length === 0 || adopt.pending || connection.kind !== 'online'}
            onClick={() => adopt.start()}
          >
            {words.adopt(ids.length)}
          </button>
        </div>
      </header>
      <p className="faint">{words.hint}</p>
      <div className="proposals-span">
        <span className="faint" aria-hidden="true">
          {words.days}
        </span>
        <Segmented
          label={words.days}
          value={span}
          options={spans.map((value) => ({ value, label: words.dayNames[value] }))}
          onChange={setSpan}
        />
      </div>
      <Failure error={adopt.error ?? error} />
      {inForce !== undefined && (
        <p className="notice" role="status">
          <span>
            {words.adopted(inForce)} <a href={linkTo('rules')}>{words.see}</a>
          </span>
        </p>
      )}
      {!proposals && !error && (
        <p className="faint" role="status">
          {words.looking}
        </p>
      )}
      {proposals?.length === 0 && <Empty title={words.emptyTitle} text={words.empty} />}
      <ul className="rows">
        {proposals?.map((proposal) => (
          <ProposalRow
            key={proposal.id}
            proposal={proposal}
            chosen={chosen.has(proposal.id)}
            onChange={(on) => turn(proposal.id, on)}
          />
        ))}
      </ul>
    </div>
  );
}

function ProposalRow({
  proposal,
  chosen,
  onChange,
}: {
  proposal: Proposal;
  chosen: boolean;
  onChange(on: boolean): void;
}) {
  const words = texts.proposals;
  return (
    <li className="row proposal">
      <input
        type="checkbox"
        aria-label={words.take(visibleText(proposal.sentence, { max: 300 }))}
        checked={chosen}
        onChange={({ target }) => onChange(target.checked)}
      />
      <div className="row-main">
        <p>
          <Outside text={proposal.sentence} max={400} />
        </p>
        <OutsideBlock text={proposal.text} label={words.rule(visibleText(proposal.sentence, { max: 300 }))} />
      </div>
    </li>
  );
}

/** The proposals over so many days; what is shown is always of the days that are asked for. */
function useProposals(days: number): {
  readonly proposals?: readonly Proposal[];
  readonly error?: SallyportError;
  reload(): void;
} {
  const { bridge } = useServices();
  const [loaded, setLoaded] = useState<{ days: number; proposals?: readonly Proposal[]; error?: SallyportError }>();
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round asks again.
  useEffect(() => {
    let current = true;
    bridge.request('policy.propose', { days }).then(
      ({ proposals }) => {
        if (current) setLoaded({ days, proposals });
      },
      (thrown: unknown) => {
        if (current) setLoaded({ days, error: asSallyportError(thrown) });
      },
    );
    return () => {
      current = false;
    };
  }, [bridge, days, round]);
  const reload = useCallback(() => setRound((count) => count + 1), []);
  if (loaded?.days !== days) return { reload };
  return {
    reload,
    ...(loaded.proposals ? { proposals: loaded.proposals } : {}),
    ...(loaded.error ? { error: loaded.error } : {}),
  };
}
