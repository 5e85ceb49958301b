import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  NoFragmentCyclesRule,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  type ValidationRule,
  validate,
} from 'graphql';
import { DOCUMENT_LIMITS, exceededByExpansion, exceededByText, hasFragmentCycle, tooLarge } from './document-limits.ts';

/** Errors of one document that are worked out at the most: each costs time, and nobody reads more. */
const VALIDATION_ERRORS_MAX = 20;

/** A text as far as it could be read: the document, unless the syntax is wrong or it is too large, and what is wrong. */
export type ReadDocument = { document: DocumentNode | undefined; errors: readonly GraphQLError[] };

/** What clients are told of the schema. */
export type Openness = {
  /** Whether they may ask for it, and are told names close to one that is wrong. */
  introspection: boolean;
};

/**
 * Parses and validates a text within {@link DOCUMENT_LIMITS}. What costs more than the length of the text is done last, and
 * only to documents that are small enough for it.
 */
export function readDocument(schema: GraphQLSchema, text: string, { introspection }: Openness): ReadDocument {
  try {
    const document = parse(text, { maxLexicalTokens: DOCUMENT_LIMITS.tokens });
    const exceeded = exceededByText(document);
    if (exceeded) return { document: undefined, errors: [exceeded] };
    if (hasFragmentCycle(document)) return { document, errors: invalid(schema, document, [NoFragmentCyclesRule]) };
    const expanded = exceededByExpansion(document);
    if (expanded) return { document: undefined, errors: [expanded] };
    const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    return { document, errors: invalid(schema, document, rules, !introspection) };
  } catch (error) {
    // The parser calls itself for every level of the document, and the stack ends somewhere.
    const refusal = error instanceof RangeError ? new GraphQLError('The document is nested too deeply.') : error;
    if (!(refusal instanceof GraphQLError)) throw error;
    if (isTokenLimit(refusal)) return { document: undefined, errors: [tooLarge('tokens')] };
    return { document: undefined, errors: [withCode(refusal, 'GRAPHQL_PARSE_FAILED')] };
  }
}

function invalid(
  schema: GraphQLSchema,
  document: DocumentNode,
  rules: readonly ValidationRule[],
  hideSuggestions = false,
): GraphQLError[] {
  const options = { hideSuggestions, maxErrors: VALIDATION_ERRORS_MAX };
  return validate(schema, document, rules, options).map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED'));
}

/** graphql-js has no other sign of it. */
function isTokenLimit({ message }: GraphQLError): boolean {
  return message === `Syntax Error: Document contains more that ${DOCUMENT_LIMITS.tokens} tokens. Parsing aborted.`;
}

function withCode({ message, nodes, source, positions }: GraphQLError, code: string): GraphQLError {
  return new GraphQLError(message, { nodes, source, positions, extensions: { code } });
}
