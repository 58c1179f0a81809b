import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

type Offer = NonNullable<ServerView['offers']>[number];

/** Prompts, templates and instructions that are new or changed: withheld from agents until approved here. */
export function OffersPart({ server }: { server: ServerView }) {
  const words = texts.servers.offers;
  if (!server.offers || server.offers.length === 0) return null;
  return (
    <section className="notice warning stacked" aria-label={words.title}>
      <h2>{words.title}</h2>
      {server.offers.map((offer) => (
        <WaitingOffer key={`${offer.kind} ${offer.name}`} slug={server.slug} offer={offer} />
      ))}
    </section>
  );
}

function WaitingOffer({ slug, offer }: { slug: string; offer: Offer }) {
  const { bridge } = useServices();
  const words = texts.servers.offers;
  const approve = useAction(async () => {
    const { kind, name, pin } = offer;
    await bridge.request('servers.approveOffer', { server: slug, kind, name, pin });
  });
  const name = offer.kind === 'instructions' ? words.instructions : visibleText(offer.name, { max: 120 });
  return (
    <div>
      <p>
        <Outside text={`${words.kinds[offer.kind]} ${name}`} max={200} /> · {words.states[offer.state]}
      </p>
      {offer.text !== '' && <OutsideBlock text={offer.text} label={name} />}
      <Failure error={approve.error} />
      <button type="button" className="button" disabled={approve.pending} onClick={() => approve.start()}>
        {words.approve(name)}
      </button>
    </div>
  );
}
