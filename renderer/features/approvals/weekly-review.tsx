import { type ReactNode, useId, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { formatDay } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Review = RequestOutput<'review.week'>;
/** More quick answers than this share of all are worth a word. */
const manyQuick = 0.2;

/** What was not used and what ends soon, each with one button (`ui.md`, The first month). Asked for, never shown by itself. */
export function WeeklyReview() {
  const { bridge } = useServices();
  const [review, setReview] = useState<Review>();
  const look = useAction(async () => setReview(await bridge.request('review.week', {})));
  const words = texts.week;
  const title = useId();
  return (
    <section aria-labelledby={title}>
      <h2 id={title}>{words.title}</h2>
      <Failure error={look.error} />
      {review ? (
        <Findings review={review} />
      ) : (
        <div className="row-actions">
          <button type="button" className="button" disabled={look.pending} onClick={() => look.start()}>
            {look.pending ? words.loading : words.look}
          </button>
          <span className="faint">{words.intro}</span>
        </div>
      )}
    </section>
  );
}

function Findings({ review }: { review: Review }) {
  const { bridge } = useServices();
  const words = texts.week;
  const { days, prompts } = review;
  const young = days < 7;
  const none =
    !young &&
    [review.remembered, review.rules, review.agents, review.tools, review.ending].every((list) => list.length === 0);
  const short = (text: string) => visibleText(text, { max: 60 });
  return (
    <>
      <p>
        {words.prompts(prompts.count, (prompts.count / Math.max(1, days)).toFixed(1), prompts.quick)}{' '}
        {prompts.quick > prompts.count * manyQuick && (
          <>
            {words.reflex} <a href={linkTo('rules')}>{words.rules}</a>
          </>
        )}
      </p>
      {young && <p className="faint">{words.young(days)}</p>}
      {none && <p className="faint">{words.nothing}</p>}
      <ul className="rows">
        {review.remembered.map(({ id, agent, tool }) => (
          <Finding
            key={id}
            words={words.remembered(short(agent), short(tool), days)}
            button={words.forget}
            act={() => bridge.request('approvals.forget', { id })}
          />
        ))}
        {review.rules.map((id) => (
          <Linked key={id} words={words.rule(short(id), days)}>
            <a className="button" href={linkTo('rules')}>
              {words.openRules}
            </a>
          </Linked>
        ))}
        {review.agents.map(({ id, name, server }) => (
          <Finding
            key={id}
            words={words.agent(short(name), server, days)}
            button={words.revoke}
            act={() => bridge.request('agents.revoke', { id })}
          />
        ))}
        {review.tools.map(({ server, tool, pin }) => (
          <Finding
            key={`${server} ${tool}`}
            words={words.tool(server, short(tool), days)}
            button={words.off}
            act={() => bridge.request('tools.set', { server, tool, access: 'off', pin })}
          />
        ))}
        {review.ending.map(({ what, at, id = '', name = '', server = '' }) => (
          <Linked
            key={what + id}
            words={
              what === 'grant' ? words.grantEnds(short(name), server, formatDay(at)) : words.ends[what](formatDay(at))
            }
          >
            <a className="button" href={linkTo(what === 'grant' ? 'agents' : 'tunnel')}>
              {what === 'grant' ? words.openAgents : words.openTunnel}
            </a>
          </Linked>
        ))}
      </ul>
    </>
  );
}

function Linked({ words, children }: { words: string; children: ReactNode }) {
  return (
    <li className="row">
      <span className="row-main">{words}</span>
      {children}
    </li>
  );
}

/** One finding with what tidies it up; gone once that is done. */
function Finding({ words, button, act }: { words: string; button: string; act(): Promise<unknown> }) {
  const [done, setDone] = useState(false);
  const tidy = useAction(async () => {
    await act();
    setDone(true);
  });
  if (done) return null;
  return (
    <li className="row">
      <span className="row-main">
        {words}
        <Failure error={tidy.error} />
      </span>
      <button
        type="button"
        className="button"
        aria-label={`${button}: ${words}`}
        disabled={tidy.pending}
        onClick={() => tidy.start()}
      >
        {button}
      </button>
    </li>
  );
}
