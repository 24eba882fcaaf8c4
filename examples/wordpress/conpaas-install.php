<?php
// Installs WordPress without a browser, once; run on the command line of a node. It may be repeated.
if (PHP_SAPI !== 'cli') {
    http_response_code(404);
    exit;
}
define('WP_INSTALLING', true);
require __DIR__ . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

if (is_blog_installed()) {
    echo "WordPress is installed already\n";
    exit;
}

/** Nobody is written to: nodes send no mail. */
function wp_new_blog_notification($blog_title, $blog_url, $user_id, $password) {
}

$title = getenv('SITE_TITLE') ?: 'A site on ConPaaS';
$email = getenv('SITE_EMAIL') ?: 'admin@example.org';
// Nobody knows this password: conpaas-password.php sets one and shows it.
$result = wp_install($title, 'admin', $email, true, '', wp_generate_password(32, false));
if (is_wp_error($result)) {
    fwrite(STDERR, $result->get_error_message() . "\n");
    exit(1);
}
echo "WordPress is installed\n";
