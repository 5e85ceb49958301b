/** Where the API is: the page's own server. */
export const API_PATH = '/graphql';
