import { GraphQLError } from 'graphql';

/** How graphql-js ends a message that names what the client may have meant. */
const SUGGESTION = / ?Did you mean [^?]*\?$/;

/** The error without names that the client did not know: graphql-js has no switch for those of variables. */
export function withoutSuggestion(error: GraphQLError): GraphQLError {
  if (!SUGGESTION.test(error.message)) return error;
  const { nodes, source, positions, path, originalError, extensions } = error;
  return new GraphQLError(error.message.replace(SUGGESTION, ''), {
    nodes,
    source,
    positions,
    path,
    originalError,
    extensions,
  });
}
