/**
 * What besides tools a person may tick for agents, server by server (`security.md` S9): what the server offers, and what it
 * may ask an agent for.
 */
export const serverFeatures = ['resources', 'prompts', 'elicitation', 'sampling', 'roots'] as const;
/** See {@link serverFeatures}. */
export type ServerFeature = (typeof serverFeatures)[number];
