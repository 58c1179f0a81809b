/** What a server may offer besides tools and a person may tick for agents (`security.md` S9). */
export const serverFeatures = ['resources', 'prompts'] as const;
/** See {@link serverFeatures}. */
export type ServerFeature = (typeof serverFeatures)[number];
