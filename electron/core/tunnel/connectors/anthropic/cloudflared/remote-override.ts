import * as z from 'zod';

const configSchema = z.looseObject({
  ingress: z.array(z.looseObject({ service: z.string() })).nullish(),
});
const versionedSchema = z.looseObject({ version: z.number().optional(), config: z.unknown().optional() });

/** Whether a configuration sends requests to us at all. */
export function leadsHere(config: unknown, own: string): boolean {
  return servicesOf(config)?.some((service) => service.replace(/\/$/, '') === own) ?? false;
}

/**
 * Services in an effective configuration of cloudflared that are not ours: whoever owns the tunnel can push one that sends
 * requests anywhere on this network, past every check of Sallyport's. What answers with a fixed status harms nobody.
 * @param config `/config` of cloudflared, or the configuration in its log line
 * @param own the address that was given with `--url`
 * @returns the foreign services; a configuration that cannot be read counts as one
 */
export function foreignServices(config: unknown, own: string): readonly string[] {
  const services = servicesOf(config);
  if (!services) return ['a configuration that cannot be read'];
  return services.filter((service) => service.replace(/\/$/, '') !== own && !/^http_status:[0-9]{3}$/.test(service));
}

function servicesOf(config: unknown): readonly string[] | undefined {
  const versioned = versionedSchema.safeParse(config);
  const inner = versioned.success && versioned.data.config !== undefined ? versioned.data.config : config;
  const parsed = configSchema.safeParse(inner);
  return parsed.success ? (parsed.data.ingress ?? []).map(({ service }) => service) : undefined;
}
