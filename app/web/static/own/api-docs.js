// Draws the API's description. Swagger UI's own page starts itself by an inline script, which our policy refuses.
const place = document.getElementById("docs");
window.SwaggerUIBundle({
  domNode: place,
  url: place.dataset.spec,
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
  tryItOutEnabled: false,
  persistAuthorization: false,
});
